// Fields of the RateLimiter filter: how many requests per time may pass, by method and path.

import { z } from 'zod';
import { durationField, parseDuration } from '#proxy/primitives/duration.ts';
import { integer, list, methodList, requiredText, text } from '#proxy/primitives/fields.ts';
import { defineFilterSchema } from '../filter-schema.ts';
import { stringMatcherSchema } from '../string-matcher-schema.ts';

const policySchema = z.strictObject({
  name: requiredText('Name that `policyRef` states.', 256),
  timeoutDuration: durationField('How long a request may wait for a permission.').default('100ms'),
  limitRefreshPeriod: durationField('Length of a cycle.')
    .refine((period) => parseDuration(period) !== 0, { error: 'a duration above zero, such as `10ms`' })
    .default('10ms'),
  limitForPeriod: integer('Permissions per cycle.', 1, 1_000_000_000).default(50),
});

const spec = z.strictObject({
  policies: list(policySchema, 128, 'Limits by name.').default([]),
  defaultPolicyRef: text('Policy of the entries of `urls` that name none.', 256).optional(),
  urls: list(
    z.strictObject({
      methods: methodList('Methods; empty = any.').default([]),
      url: stringMatcherSchema.meta({ description: 'Condition on the path.' }),
      policyRef: text('Policy of this entry; absent = `defaultPolicyRef`.', 256).optional(),
    }),
    256,
    'Tried in order; the first that fits decides, and each has a counter of its own. No entry fits: not limited.',
  )
    .min(1)
    .meta({ protects: true }),
});

export const rateLimiterSchema = defineFilterSchema({
  kind: 'RateLimiter',
  description: 'Lets so many requests per time pass and refuses the others with 429.',
  spec,
  results: ['rateLimited'],
  status: 'stable',
  untrusted: 'yes',
  since: '0.1.0',
  inactive: [],
  check: (limiter) => {
    const found: [string, string][] = [];
    const names = new Set<string>();
    for (const [index, policy] of limiter.policies.entries()) {
      if (names.has(policy.name)) {
        found.push([`policies[${index}].name`, `policy \`${policy.name}\` is stated twice; rename one of them`]);
      }
      names.add(policy.name);
    }
    const known = `; known are ${[...names].map((name) => `\`${name}\``).join(', ') || 'none'}`;
    if ((limiter.defaultPolicyRef ?? '') !== '' && !names.has(limiter.defaultPolicyRef ?? '')) {
      found.push(['defaultPolicyRef', `no policy is called \`${limiter.defaultPolicyRef}\`${known}`]);
    }
    for (const [index, entry] of limiter.urls.entries()) {
      const name = entry.policyRef || limiter.defaultPolicyRef || '';
      if (name === '')
        found.push([`urls[${index}]`, 'the entry has no `policyRef` and there is no `defaultPolicyRef`']);
      else if (!names.has(name) && (entry.policyRef ?? '') !== '') {
        found.push([`urls[${index}].policyRef`, `no policy is called \`${name}\`${known}`]);
      }
    }
    return found;
  },
});

export type RateLimiterSpec = z.infer<typeof spec>;
