export { itWith, type Capability } from './capability';
export { createScale, SCALE, type Scale, type ScaleName } from './scale';
