// Names of objects. Kubernetes holds its own to DNS-1123; from files everything passes that Easegress takes.

const objectName = /^[\p{L}0-9\-_.~]{1,253}$/u;

export function isObjectName(name: string): boolean {
  return objectName.test(name);
}
