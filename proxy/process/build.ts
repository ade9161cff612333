// What this build calls itself, in the hello of the push protocol and in logs. One place, so that a release changes
// package.json alone.

import packageJson from '../../package.json' with { type: 'json' };

export const build = packageJson.version;
