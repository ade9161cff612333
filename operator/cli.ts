// The command `easegress`, and the only file that knows both halves: it reads the command line, starts one of them, or
// both in one process without a network between (`easegress run`).
//
// What it needs is loaded after the check of Node's version, and the file keeps to syntax that an old Node can read:
// someone with the wrong Node gets one line and no stack of syntax errors.

import { isMainThread, workerData } from 'node:worker_threads';
import type { ProxySettings } from '#proxy/settings.ts';
import type { UnitSource } from '#proxy/sources/source.ts';

const usage = `easegress: a service gateway

  easegress run -f PATH [flags]     operator and proxy in one process, over a folder of manifests
  easegress operator --files PATH   the control plane: compiles objects and pushes them to proxies
  easegress proxy --operator ADDR   the data plane: serves traffic
  easegress version
  easegress help [command]          the flags of a command

Every flag can be given in the environment: --state-dir is EASEGRESS_STATE_DIR.
`;

const commands: Readonly<Record<string, (argv: readonly string[]) => Promise<number>>> = {
  run: runBoth,
  operator: runOperatorCommand,
  proxy: runProxyCommand,
  version: showVersion,
  help: showHelp,
};

/** What only a proxy needs that takes its units from elsewhere. */
const remoteSettings = ['operator', 'tokenFile', 'caFile', 'ca', 'units'];

if (isMainThread) {
  void main(process.argv.slice(2)).then((code) => {
    process.exitCode = code;
  });
} else {
  // In the bundle this is also what data threads are started from.
  void runDataThread();
}

/** Returns the exit code: 0 a clean end, 1 it could not run, 2 it was called wrongly. */
async function main(argv: readonly string[]): Promise<number> {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major < 24 || (major === 24 && minor < 12)) {
    return complain(`easegress needs Node 24.12 or newer; this is Node ${process.versions.node}`, 1);
  }
  const [name = 'help', ...rest] = argv;
  if (name === '--help' || name === '-h') return showHelp(rest);
  if (name === '--version' || name === '-v') return showVersion();
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (command === undefined) {
    const { nearest } = await import('#proxy/primitives/nearest.ts');
    const near = nearest(name, Object.keys(commands));
    const hint = near === null ? `known are ${Object.keys(commands).join(', ')}` : `did you mean ${near}?`;
    return complain(`easegress: unknown command ${name}; ${hint}`, 2);
  }
  if (name !== 'help' && rest.some((argument) => argument === '--help' || argument === '-h')) return showHelp([name]);
  try {
    return await command(rest);
  } catch (error) {
    return explain(name, error);
  }
}

async function runDataThread(): Promise<void> {
  const { dataThreadRole } = await import('#proxy/runtime/thread-port.ts');
  const { role } = workerData as { role?: string };
  if (role !== dataThreadRole) throw new Error(`the command runs in no thread of role ${String(role)}`);
  const { runThread } = await import('#proxy/runtime/thread.ts');
  runThread();
}

async function runOperatorCommand(argv: readonly string[]): Promise<number> {
  const { readOperatorSettings } = await import('./settings.ts');
  const settings = readOperatorSettings(argv.map(longFlag), process.env);
  const { runOperator } = await import('./main.ts');
  await runOperator(settings);
  return 0;
}

async function runProxyCommand(argv: readonly string[]): Promise<number> {
  const { readProxySettings } = await import('#proxy/settings.ts');
  const settings = readProxySettings(argv, process.env);
  const fault = settings.units === '' ? missing(settings) : null;
  if (fault !== null) return complain(`easegress proxy: ${fault}`, 2);
  const { runProxy } = await import('#proxy/main.ts');
  await runProxy(settings);
  return 0;
}

/** What a proxy lacks to find its operator. Said before anything is started. */
function missing({ operator, tokenFile, caFile, ca }: ProxySettings): string | null {
  if (operator.length === 0) return 'name the operator, as in --operator 127.0.0.1:9443, or a file with --units';
  if (tokenFile === '' || (caFile === '' && ca === '')) {
    return '--token-file and --ca-file are needed; the operator writes both';
  }
  return null;
}

async function runBoth(argv: readonly string[]): Promise<number> {
  const { files, rest } = takeFiles(argv);
  if (files === '')
    return complain('easegress run: name the folder or file with manifests, as in -f config/samples', 2);
  const useless = await remoteFlag(rest);
  if (useless !== undefined)
    return complain(`easegress run: ${useless} is for \`easegress proxy\`; run has its operator inside`, 2);
  const { readProxySettings } = await import('#proxy/settings.ts');
  const settings = readProxySettings(rest, process.env);
  const { createLogger } = await import('#proxy/process/logger.ts');
  const { registerPages, startControl } = await import('./main.ts');
  const { runProxy } = await import('#proxy/main.ts');
  const { localSource } = await import('./local-source.ts');
  const log = createLogger({ level: settings.logLevel, format: settings.logFormat });
  // The access log may have standard output for itself.
  const control = await startControl({ files, log, print: (line) => void process.stderr.write(`${line}\n`) });
  try {
    const source = (): UnitSource => localSource(control.sessions, settings.name, log);
    await runProxy(settings, { log, source, pages: (admin) => registerPages(admin, control) });
  } finally {
    await control[Symbol.asyncDispose]();
  }
  return 0;
}

/** A flag that would have no effect is refused, as an unknown one is; in the environment it may be another command's. */
async function remoteFlag(argv: readonly string[]): Promise<string | undefined> {
  const { flagOf } = await import('#proxy/process/flags.ts');
  const flags = remoteSettings.map(flagOf);
  return argv.find((argument) => flags.includes(argument.split('=')[0] ?? ''));
}

/** `-f PATH`, `--files PATH` and `--files=PATH`; everything else is the proxy's. */
function takeFiles(argv: readonly string[]): { files: string; rest: string[] } {
  const rest: string[] = [];
  let files = process.env['EASEGRESS_FILES'] ?? '';
  for (let i = 0; i < argv.length; i++) {
    const argument = longFlag(argv[i] ?? '');
    if (argument === '--files') files = argv[++i] ?? '';
    else if (argument.startsWith('--files=')) files = argument.slice('--files='.length);
    else rest.push(argument);
  }
  return { files, rest };
}

function longFlag(argument: string): string {
  return argument === '-f' ? '--files' : argument;
}

async function showVersion(): Promise<number> {
  const { build } = await import('#proxy/process/build.ts');
  process.stdout.write(`easegress ${build} (Node ${process.versions.node})\n`);
  return 0;
}

async function showHelp(argv: readonly string[]): Promise<number> {
  const { describeFlags } = await import('#proxy/process/flags.ts');
  const { operatorSettingsSchema } = await import('./settings.ts');
  const { proxySettingsSchema } = await import('#proxy/settings.ts');
  const flags: Readonly<Record<string, string>> = {
    operator: describeFlags(operatorSettingsSchema),
    proxy: describeFlags(proxySettingsSchema),
    run: `  -f, --files PATH      folder or file with manifests\n${describeFlags(proxySettingsSchema, remoteSettings)}`,
  };
  const of = argv[0] === undefined ? undefined : flags[argv[0]];
  process.stdout.write(of === undefined ? usage : `easegress ${argv[0] ?? ''} [flags]\n\n${of}`);
  return 0;
}

/** What a person can mend is one line; anything else is a fault of ours and shows its stack. */
async function explain(command: string, error: unknown): Promise<number> {
  const { SettingsError } = await import('#proxy/process/flags.ts');
  if (error instanceof SettingsError) return complain(`easegress ${command}: ${error.message}`, 2);
  if (!(error instanceof Error)) throw error;
  const { code, address, port } = error as { code?: string; address?: string; port?: number };
  if (code === 'EADDRINUSE') {
    const flag = command === 'operator' ? '--listen or --admin' : '--admin or --debug-port';
    const where = `${address?.includes(':') === true ? `[${address}]` : (address ?? '')}:${String(port ?? '')}`;
    return complain(
      `easegress ${command}: ${where} is in use; end the process that has it, or state another with ${flag}`,
      1,
    );
  }
  const bug = [TypeError, ReferenceError, RangeError, SyntaxError].some((type) => error instanceof type);
  return complain(`easegress ${command}: ${bug ? (error.stack ?? error.message) : error.message}`, 1);
}

function complain(text: string, code: number): number {
  process.stderr.write(`${text}\n`);
  return code;
}
