// Who is at the other end of a push connection. One interface for the token file of a laptop and, later, for reviews
// of ServiceAccount tokens: what a session may see follows from this answer alone, never from what a proxy says of
// itself.

export interface VerifiedIdentity {
  readonly name: string;
  /** Audiences whose listeners it may see. */
  readonly audiences: readonly string[];
  /** How long the answer holds, null = as long as the connection. */
  readonly validForMs: number | null;
}

export interface TokenPeer {
  readonly address: string;
}

export interface IdentityVerifier {
  /** Null = refused. Rejects only when it could not find out. */
  verify(token: string, peer: TokenPeer): Promise<VerifiedIdentity | null>;
}
