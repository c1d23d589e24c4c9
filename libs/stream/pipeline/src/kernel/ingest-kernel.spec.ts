import { describeIngestKernel } from '../testing/kernel-conformance';
import { createDefinitionKernel } from './definition-kernel';

describeIngestKernel('the definition', createDefinitionKernel);
