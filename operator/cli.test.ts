import { execFile } from 'node:child_process';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const cli = join(import.meta.dirname, 'cli.ts');

interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function easegress(...argv: string[]): Promise<Outcome> {
  return new Promise((resolve) => {
    execFile(process.execPath, [cli, ...argv], { timeout: 15_000 }, (error, stdout, stderr) => {
      resolve({ code: typeof error?.code === 'number' ? error.code : error === null ? 0 : -1, stdout, stderr });
    });
  });
}

describe('the command line', () => {
  it.each<[string, string[], number, RegExp]>([
    ['an unknown command', ['opertor'], 2, /^easegress: unknown command opertor; did you mean operator\?\n$/],
    [
      'an unknown flag',
      ['proxy', '--operatr', 'x'],
      2,
      /^easegress proxy: unknown flag --operatr; did you mean --operator\?\n$/,
    ],
    ['an operator without manifests', ['operator'], 2, /^easegress operator: --files: name the folder.*\n$/],
    ['a proxy without an operator', ['proxy'], 2, /^easegress proxy: name the operator.*\n$/],
    [
      'a proxy without a token',
      ['proxy', '--operator', 'a:1'],
      2,
      /^easegress proxy: --token-file and --ca-file are needed.*\n$/,
    ],
    [
      'run with a flag of a proxy',
      ['run', '-f', '.', '--token-file=x'],
      2,
      /^easegress run: --token-file.* is for `easegress proxy`.*\n$/,
    ],
    ['run without manifests', ['run'], 2, /^easegress run: name the folder.*\n$/],
    [
      'an address that is none',
      ['operator', '-f', '.', '--listen', 'x'],
      2,
      /^easegress operator: --listen: .*127\.0\.0\.1:9443.*\n$/,
    ],
  ])('answers %s in one line', async (_, argv, code, message) => {
    const outcome = await easegress(...argv);
    expect(outcome.stderr).toMatch(message);
    expect([outcome.code, outcome.stdout]).toEqual([code, '']);
  });

  it('shows help and version on standard output', async () => {
    const [help, flags, run, version] = await Promise.all([
      easegress(),
      easegress('operator', '--help'),
      easegress('help', 'run'),
      easegress('version'),
    ]);
    expect(help.stdout).toContain('easegress run -f PATH');
    expect(flags.stdout).toContain('--state-dir');
    expect(flags.stdout).toContain('address at which proxies connect (default 127.0.0.1:9443)');
    expect(run.stdout).toContain('-f, --files PATH');
    expect(run.stdout).not.toContain('--token-file');
    expect(version.stdout).toMatch(/^easegress \d+\.\d+\.\d+ \(Node \d/);
    expect([help.code, flags.code, version.code]).toEqual([0, 0, 0]);
  });

  it('names the port that is taken, and the file that is open to others', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'easegress-cli-'));
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address() as AddressInfo;
    const common = ['operator', '--files', dir, '--admin', '127.0.0.1:0'];
    const token = join(dir, 'token');
    await writeFile(token, 'a-token-long-enough\n');
    await chmod(token, 0o644);
    const [inUse, loose] = await Promise.all([
      easegress(...common, '--state-dir', join(dir, 'a'), '--listen', `127.0.0.1:${port}`),
      easegress(...common, '--state-dir', join(dir, 'b'), '--listen', '127.0.0.1:0', '--token-file', token),
    ]);
    expect([inUse.code, inUse.stderr]).toEqual([1, expect.stringContaining(`127.0.0.1:${port} is in use`)]);
    expect([loose.code, loose.stderr]).toEqual([1, expect.stringContaining(`run: chmod 600 ${token}`)]);
    taken.close();
    await rm(dir, { recursive: true });
  });
});
