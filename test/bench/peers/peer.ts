// What the bench knows of a gateway under test: how to start it for a set of hosts, and where its log is.

export interface PeerArgs {
  /** Folder for configuration, log and sockets; emptied by the bench. */
  readonly dir: string;
  readonly port: number;
  readonly upstreamPort: number;
  /** 0 = one route for any host; else that many exact hosts `h<i>.test`, each with a route of its own. */
  readonly hosts: number;
  readonly logFile: string;
  /** A free port for a page of metrics; only ours has one. */
  readonly adminPort: number;
}

export interface Peer {
  readonly name: string;
  /** Counts its requests on a page that the bench knows to read. */
  readonly metrics?: boolean;
  /** Writes the configuration and returns the command that runs the gateway in the foreground. */
  prepare(args: PeerArgs): string[];
}

export function hostNames(count: number): string[] {
  return Array.from({ length: count }, (_, i) => `h${i}.test`);
}
