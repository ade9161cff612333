// Findings about objects: values, never exceptions. The catalogue below is the only place where a code is born; each
// has a title, a cause and a remedy, and the reference page is generated from it. Both halves of the product use it,
// because a proxy's rejection ends on the same condition as a finding of compile.

import type { Origin } from './units.ts';

export type Severity = 'error' | 'warning' | 'info';

interface CatalogueEntry {
  readonly severity: Severity;
  readonly title: string;
  readonly cause: string;
  readonly remedy: string;
}

export const diagnosticCodes = {
  // ── reading ──
  InvalidYaml: {
    severity: 'error',
    title: 'Not readable as YAML',
    cause: 'The document breaks the YAML grammar, repeats a key or was cut off.',
    remedy:
      'Correct the line that the message names; the last readable version of the file goes on serving until restart.',
  },
  FileTooLarge: {
    severity: 'error',
    title: 'File too large',
    cause: 'A manifest file is over 8 MiB, or its aliases expand to more.',
    remedy: 'Split the file; write out what the aliases repeat.',
  },
  FileUnreadable: {
    severity: 'error',
    title: 'File cannot be read',
    cause: 'The file lies outside the folder (a link), is no regular file, or the system refuses it.',
    remedy: 'Put the file itself into the folder and allow the process to read it.',
  },
  NotAnObject: {
    severity: 'error',
    title: 'Not an object',
    cause: 'The document is no mapping with `kind` and a name.',
    remedy: "State `kind` and `metadata.name` (or Easegress's top-level `name`).",
  },
  UnknownKind: {
    severity: 'error',
    title: 'Unknown kind',
    cause: 'No kind of that name exists here.',
    remedy: 'Use the kind that the message suggests, or take the document out.',
  },
  DuplicateObject: {
    severity: 'error',
    title: 'Object stated twice',
    cause: 'Two documents have the same kind, namespace and name.',
    remedy: 'Rename one; until then the first by file and position counts.',
  },
  InvalidName: {
    severity: 'error',
    title: 'Invalid name',
    cause: 'The name has characters that no object name may have, or is too long.',
    remedy: 'Use letters, digits, `-`, `_`, `.` and `~`, 253 characters at most.',
  },
  // ── fields ──
  UnknownField: {
    severity: 'warning',
    title: 'Unknown field',
    cause: 'The field does not exist; it has no effect.',
    remedy: 'Use the field that the message suggests, or remove it.',
  },
  UnknownProtectingField: {
    severity: 'error',
    title: 'Unknown field that resembles a protecting one',
    cause: 'The nearest known field restricts access; serving without it would be more open than meant.',
    remedy: 'Correct the spelling.',
  },
  InvalidField: {
    severity: 'error',
    title: 'Invalid value',
    cause: 'The value has the wrong type or lies outside what the field allows.',
    remedy: 'State a value of the form that the message names.',
  },
  NotYetActive: {
    severity: 'warning',
    title: 'Field is not yet active',
    cause: 'The field is known, but what it needs is not built in this version.',
    remedy: 'Expect no effect; remove it or wait for the release that names it.',
  },
  ProtectionNotActive: {
    severity: 'error',
    title: 'Protecting field is not yet active',
    cause: 'The field restricts access and this version cannot honour it, so the object is refused.',
    remedy: 'Remove the field knowingly, or use a version that supports it.',
  },
  // ── certificates ──
  CertificateInvalid: {
    severity: 'error',
    title: 'Certificate or key cannot be used',
    cause:
      'The text is no PEM, cannot be read, is encrypted, is weaker than OpenSSL accepts, or the key is that of another certificate.',
    remedy: 'State the certificate with its chain and its own unencrypted key. The other certificates go on serving.',
  },
  CertificateMissing: {
    severity: 'error',
    title: 'No certificate for https',
    cause: '`https` needs a certificate, and none is stated that can be used.',
    remedy: 'State `certBase64` and `keyBase64`, or `certs` and `keys`.',
  },
  CertificateExpiring: {
    severity: 'warning',
    title: 'Certificate ends soon',
    cause: 'The certificate is valid for less than 21 days.',
    remedy: 'Renew it; a new one is taken up without a restart.',
  },
  CertificateExpired: {
    severity: 'warning',
    title: 'Certificate is not valid now',
    cause: 'The certificate has ended or has not begun; clients refuse it. It is served all the same.',
    remedy: 'Renew it, or correct the clock.',
  },
  TlsNotVerified: {
    severity: 'warning',
    title: 'Upstream certificates are not verified',
    cause: '`insecureSkipVerify` is set.',
    remedy: 'State `rootCertBase64` and remove `insecureSkipVerify`.',
  },
  // ── pipelines ──
  DuplicateFilter: {
    severity: 'error',
    title: 'Filter name used twice',
    cause: 'Two filters of one pipeline have the same name, or one is called END.',
    remedy: 'Rename one of them.',
  },
  UnknownFilterKind: {
    severity: 'error',
    title: 'Unknown filter kind',
    cause: 'No filter of that kind exists.',
    remedy: 'Use the kind that the message suggests.',
  },
  FilterNotYetActive: {
    severity: 'error',
    title: 'Filter kind is not yet active',
    cause:
      'The kind is known, but not built in this version; a pipeline without it would do something else than meant.',
    remedy: 'Remove the filter, or use a version that supports it.',
  },
  UnknownFlowFilter: {
    severity: 'error',
    title: 'Flow names an unknown filter',
    cause: 'A node of `flow` names no entry of `filters`.',
    remedy: 'Name a filter of this pipeline, or END.',
  },
  UnknownResult: {
    severity: 'error',
    title: 'Jump on a result that does not exist',
    cause: 'The kind does not declare that result.',
    remedy: 'Use one of the results that the message lists.',
  },
  InvalidJumpTarget: {
    severity: 'error',
    title: 'Jump to a node that does not follow',
    cause: 'The target is missing, lies before the node, or two later nodes have the name.',
    remedy: 'Name exactly one later node, or END.',
  },
  InvalidPool: {
    severity: 'error',
    title: 'Pools do not fit together',
    cause:
      'There must be exactly one pool without `filter`, each with servers, a service or a registry, and either all servers have a weight or none.',
    remedy: 'Correct the pools as the message says.',
  },
  FilterRefNotFound: {
    severity: 'error',
    title: 'Filter object not found',
    cause: '`filterRef` names no Filter in this namespace, or one that was refused.',
    remedy: 'Create the Filter, correct it, or correct the name.',
  },
  UnknownPolicy: {
    severity: 'error',
    title: 'Resilience policy not found',
    cause: "A pool names a policy that the pipeline's `resilience` does not have, or of the wrong kind.",
    remedy: 'Add the policy or correct the name.',
  },
  // ── references ──
  PipelineNotFound: {
    severity: 'error',
    title: 'Pipeline not found',
    cause: 'A backend names a pipeline that does not exist.',
    remedy: 'Create it or correct the name; the path answers 503 until then.',
  },
  PipelineInvalid: {
    severity: 'error',
    title: 'Pipeline is invalid',
    cause: 'A backend names a pipeline that was refused.',
    remedy: 'Correct the pipeline; the path answers 503 until then.',
  },
  GlobalFilterNotFound: {
    severity: 'error',
    title: 'GlobalFilter not found',
    cause: '`globalFilter` names an object that does not exist or was refused.',
    remedy: 'Create or correct it; every path of the server answers 503 until then.',
  },
  ServiceNotFound: {
    severity: 'error',
    title: 'Service not found',
    cause: 'A pool names a Service that does not exist, or one of type ExternalName, which has no endpoints.',
    remedy: 'Create it or correct the name; the pool answers 503 until then.',
  },
  ServicePortNotFound: {
    severity: 'error',
    title: 'Service has no such port',
    cause: "The port that the pool names is not among the Service's.",
    remedy: 'Use one of the ports that the message lists.',
  },
  CrossNamespaceReference: {
    severity: 'error',
    title: 'Reference into another namespace',
    cause: "The target's namespace does not grant it.",
    remedy: 'Create a ReferenceGrant there, or use an object of this namespace.',
  },
  BackendMissing: {
    severity: 'error',
    title: 'Path without a backend',
    cause: 'A path states neither `backend` nor `backendPool`, or both.',
    remedy: 'State exactly one.',
  },
  // ── ports and hosts ──
  PortSettingConflict: {
    severity: 'error',
    title: 'Port is claimed with other settings',
    cause: 'Another HTTPServer decides the settings of this port and they differ.',
    remedy: 'State the same values, or use another port.',
  },
  HostConflict: {
    severity: 'warning',
    title: 'Host is claimed twice',
    cause: 'Another object on the same port claims the host and comes first.',
    remedy: 'Remove the host from one of the two.',
  },
  // ── the proxy's verdict ──
  UnsupportedByProxy: {
    severity: 'error',
    title: 'Proxy does not know this',
    cause: 'The proxy is of another version and does not know the unit or a field of it.',
    remedy: 'Upgrade the proxy; it keeps what it had.',
  },
  PortInUse: {
    severity: 'error',
    title: 'Port is in use',
    cause: 'Another process listens on the address.',
    remedy: 'End that process or use another port; it is tried again every 10 s.',
  },
  PortNotPermitted: {
    severity: 'error',
    title: 'Port is not permitted',
    cause: "The process may not listen on a port below 1024, or the address is not this machine's.",
    remedy: 'Use a higher port, or grant the right.',
  },
  BuildFailed: {
    severity: 'error',
    title: 'Unit could not be built',
    cause: 'The proxy failed while building the unit.',
    remedy: 'See the message; it keeps what it had.',
  },
} as const satisfies Record<string, CatalogueEntry>;

export type DiagnosticCode = keyof typeof diagnosticCodes;

export interface Diagnostic {
  readonly severity: Severity;
  readonly code: DiagnosticCode;
  readonly object: Origin;
  /** Field, as `spec.rules[0].paths[2].backend`; `` for the object as a whole. */
  readonly path: string;
  /** One sentence that names the value and says what would be right. Never a secret. */
  readonly message: string;
}

export function diagnostic(code: DiagnosticCode, object: Origin, path: string, message: string): Diagnostic {
  return { severity: diagnosticCodes[code].severity, code, object, path, message };
}
