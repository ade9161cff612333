// Resilience policies of a pipeline, which pools refer to by name (not yet active).

import { z } from 'zod';
import { durationField } from '#proxy/primitives/duration.ts';
import { integer, requiredText } from '#proxy/primitives/fields.ts';

const name = requiredText('Name that pools state.', 256);

const retrySchema = z.strictObject({
  name,
  kind: z.literal('Retry').meta({ description: 'Repeats an attempt that failed.' }),
  maxAttempts: integer('Attempts in all, the first one included.', 1, 1000).default(3),
  waitDuration: durationField('Base of the wait between two attempts.').default('500ms'),
  backOffPolicy: z
    .enum(['random', 'exponential'])
    .meta({ description: 'How the wait grows: not at all, or by half each time.' })
    .default('random'),
  randomizationFactor: z
    .number()
    .min(0)
    .max(1)
    .meta({ description: 'How far a wait may differ from its base.' })
    .default(0),
});

const circuitBreakerSchema = z.strictObject({
  name,
  kind: z.literal('CircuitBreaker').meta({ description: 'Stops calling servers that fail too often.' }),
  slidingWindowType: z
    .enum(['COUNT_BASED', 'TIME_BASED'])
    .meta({ description: 'Whether the window holds calls or seconds.' })
    .default('COUNT_BASED'),
  failureRateThreshold: integer('Percent of failures that opens it.', 1, 100).default(50),
  slowCallRateThreshold: integer('Percent of slow calls that opens it.', 1, 100).default(100),
  slidingWindowSize: integer('Calls, or seconds.', 1, 1_000_000).default(100),
  permittedNumberOfCallsInHalfOpenState: integer('Calls that decide whether it closes again.', 1, 1_000_000).default(
    10,
  ),
  minimumNumberOfCalls: integer('Calls before it judges at all.', 1, 1_000_000).default(100),
  slowCallDurationThreshold: durationField('From when on a call is slow.').default('1m'),
  maxWaitDurationInHalfOpenState: durationField('Bound on the trial; 0 = none.').default('0s'),
  waitDurationInOpenState: durationField('How long it stays open.').default('1m'),
});

export const policySchema = z
  .discriminatedUnion('kind', [retrySchema, circuitBreakerSchema])
  .meta({ description: 'A policy.' });

export type ResiliencePolicy = z.infer<typeof policySchema>;
