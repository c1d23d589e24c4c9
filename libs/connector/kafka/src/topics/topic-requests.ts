// The requests that describe and create topics. The library rejects an answer with any error in it; here each topic has
// an error code of its own.

import { ConfigResourceTypes, createTopicsV7, describeConfigsV4, metadataV12 } from '@platformatic/kafka';
import type { Ask } from '../protocol/cluster';
import { settingsOf, type TopicPlan, type TopicShape } from './topic-plan';

type MetadataTopic = metadataV12.MetadataResponseTopic;
type ConfigResult = describeConfigsV4.DescribeConfigsResponseResult;
type CreatedTopic = createTopicsV7.CreateTopicsResponseTopic;

const CREATE_MS_MAX = 30_000;

/** Metadata of topics, with what this client may do. Creates none. */
export function describeTopics(names: readonly string[]): Ask<readonly MetadataTopic[]> {
  return async (connection) => {
    const asked = metadataV12.api.async(connection, [...names], false, true);
    return (await asked.catch(answerIn<metadataV12.MetadataResponse>)).topics;
  };
}

/** Settings of topics. */
export function describeSettings(names: readonly string[], settings: readonly string[]): Ask<readonly ConfigResult[]> {
  return async (connection) => {
    const resources = names.map((resourceName) => ({
      resourceType: ConfigResourceTypes.TOPIC,
      resourceName,
      configurationKeys: [...settings],
    }));
    const asked = describeConfigsV4.api.async(connection, resources, false, false);
    return (await asked.catch(answerIn<describeConfigsV4.DescribeConfigsResponse>)).results;
  };
}

/** Creates topics of one shape. */
export function createTopics(plans: readonly TopicPlan[], shape: TopicShape): Ask<readonly CreatedTopic[]> {
  return async (connection) => {
    const requests = plans.map((plan) => ({
      name: plan.name,
      numPartitions: shape.partitions,
      replicationFactor: shape.replication,
      assignments: [],
      configs: [...settingsOf(shape, plan)].map(([setting, value]) => ({ name: setting, value })),
    }));
    const asked = createTopicsV7.api.async(connection, requests, CREATE_MS_MAX, false);
    return (await asked.catch(answerIn<createTopicsV7.CreateTopicsResponse>)).topics;
  };
}

/** @throws the error itself when it holds no answer */
function answerIn<Answer>(error: unknown): Answer {
  const { response } = error as { response?: Answer };
  if (response === undefined) throw error;
  return response;
}
