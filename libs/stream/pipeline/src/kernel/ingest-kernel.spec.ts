import { createSimRandom } from '@pulses/testing-sim';
import { describeIngestKernel } from '../testing/kernel-conformance';
import { createDefinitionKernel } from './definition-kernel';
import { WasmKernel } from './wasm-kernel';

describeIngestKernel('the definition', createDefinitionKernel);

describeIngestKernel(
  'the kernel in WebAssembly',
  (options) => new WasmKernel({ ...options, random: createSimRandom(7) }),
);
