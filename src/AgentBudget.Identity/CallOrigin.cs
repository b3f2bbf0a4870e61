namespace AgentBudget.Identity;

/// <summary>Where a call comes from, as its connection shows.</summary>
/// <param name="CertificateSha256">
/// SHA-256 of the client certificate, base64url; empty for none. Null shows nothing that is asked for.
/// </param>
/// <param name="Place">Its network or certificate, as it is told in a review.</param>
/// <param name="IsReview">
/// A stream that was let in before is looked at again: its connection is the same, and this is no use.
/// </param>
public readonly record struct CallOrigin(string? CertificateSha256, string Place, bool IsReview = false);
