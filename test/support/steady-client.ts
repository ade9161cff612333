// A client that asks on one kept connection while something is done, and tells every answer that was not as before.

import { get, KeptConnection } from './answers.ts';

/** Gives `status body` of each answer whose status is not 200, in order; rejects when the connection is cut. */
export async function badAnswers(port: number, during: () => Promise<void>, target = '/'): Promise<string[]> {
  await using connection = new KeptConnection(port);
  const found: string[] = [];
  let acting = true;
  const asking = (async () => {
    for (let last = false; !last;) {
      last = !acting;
      const { status, body } = await connection.ask(get(target));
      if (status !== 200) found.push(`${status} ${body}`);
    }
  })();
  try {
    await during();
  } finally {
    acting = false;
    await asking;
  }
  return found;
}
