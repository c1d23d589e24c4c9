export { createSimClock, settle, type SimClock } from './sim-clock';
export { createSimNetwork, type LinkPlan, type SimNetwork } from './sim-network';
export { createSimRandom } from './sim-random';
