// Property tests use one seed, so that a red run is red again on the next machine. `PROPERTY_SEED=n npm test` tries
// another; what it finds becomes a case of its own.

import fc from 'fast-check';

fc.configureGlobal({ seed: Number(process.env['PROPERTY_SEED'] ?? 20_261_124) });
