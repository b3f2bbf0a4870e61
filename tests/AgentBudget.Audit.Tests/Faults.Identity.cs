using AgentBudget.Protocol.V1;
using Google.Protobuf;

namespace AgentBudget.Audit.Tests;

// Credentials and agents.
internal static partial class Faults
{
    private static Dictionary<string, Fault> OfIdentity() => new()
    {
        ["a credential of an agent that is not there"] = new(
            AuditRule.Credential, OneCredential, Last(e => e.CredentialCreated.Principal = "agents/nobody")),
        ["a credential with half a hash"] = new(
            AuditRule.Credential,
            OneCredential,
            Last(e => e.CredentialCreated.SecretSha256 = ByteString.CopyFrom(new byte[16]))),
        ["a credential without a key"] = new(
            AuditRule.Credential, OneCredential, Last(e => e.CredentialCreated.SecretSha256 = ByteString.Empty)),
        ["a credential that may do nothing"] = new(
            AuditRule.Credential, OneCredential, Last(e => e.CredentialCreated.Role = Role.Unspecified)),
        ["a credential that ends before it begins"] = new(
            AuditRule.Credential,
            ledger => ledger.Create(until: TimeSpan.FromHours(1)),
            Last(e => e.CredentialCreated.ExpireTime = e.Time)),
        ["a credential revoked twice"] = new(
            AuditRule.Credential, OneRevocation, Again(e => e.CredentialRevoked is not null)),
        ["a credential revoked that never was"] = new(
            AuditRule.Credential, OneRevocation, Last(e => e.CredentialRevoked.Credential = 1)),
        ["an end of an access token that has expired"] = new(
            AuditRule.Credential,
            ledger => ledger.RevokeToken("t1"),
            Last(e => e.AccessTokenRevoked.ExpireTime = e.Time)),
        ["a credential that is bound to half a hash"] = new(
            AuditRule.Credential, OneCredential, Last(e => e.CredentialCreated.CertificateSha256 = "5OQz")),
        ["a use of nothing"] = new(
            AuditRule.CredentialUse, OneUse, Last(e => e.CredentialsUsed.Uses.Clear())),
        ["a use of a credential that never was"] = new(
            AuditRule.CredentialUse, OneUse, Last(e => e.CredentialsUsed.Uses[0].Credential = 1)),
        ["a use that is told twice at once"] = new(
            AuditRule.CredentialUse, OneUse, Last(e => e.CredentialsUsed.Uses.Add(e.CredentialsUsed.Uses[0]))),
        ["a use in the future"] = new(
            AuditRule.CredentialUse, OneUse, Last(e => e.CredentialsUsed.Uses[0].LastUseTime.Seconds++)),
        ["a use at no time"] = new(
            AuditRule.CredentialUse, OneUse, Last(e => e.CredentialsUsed.Uses[0].LastUseTime = null)),
        ["a use from one place twice"] = new(
            AuditRule.CredentialUse, OneUse, Last(e => e.CredentialsUsed.Uses[0].Places.Add("203.0.113.0/24"))),
        ["a use from nine places"] = new(
            AuditRule.CredentialUse,
            OneUse,
            Last(e => e.CredentialsUsed.Uses[0].Places.Add(Enumerable.Range(0, 8).Select(place => $"p{place}")))),
        ["a use that is told of an ended credential"] = new(
            AuditRule.CredentialUse,
            ledger =>
            {
                OneUse(ledger);
                ledger.RevokeCredential(ledger.Last.CredentialsUsed.Uses[0].Credential);
            },
            Again(e => e.CredentialsUsed is not null)),
        ["a credential revoked that leaves a session"] = new(
            AuditRule.Credential,
            ledger => ledger.RevokeCredential(WithSession(ledger)),
            journal =>
            {
                journal.RemoveAt(journal.Count - 1);
                journal[^1].CredentialRevoked.Sessions.Clear();
            }),
        ["a credential revoked that takes another's session"] = new(
            AuditRule.Credential,
            ledger =>
            {
                ledger.OpenBy(ledger.Create());
                OneRevocation(ledger);
            },
            Last(e => e.CredentialRevoked.Sessions.Add(e.Sequence - 2))),
        ["an access token that ends without its session"] = new(
            AuditRule.Credential,
            ledger =>
            {
                ledger.OpenBy(ledger.Create(), "t1");
                ledger.RevokeToken("t1");
            },
            journal =>
            {
                journal.RemoveAt(journal.Count - 1);
                journal[^1].AccessTokenRevoked.Sessions.Clear();
            }),
        ["a user whose sessions end but for one"] = new(
            AuditRule.Cascade,
            ledger =>
            {
                ledger.OpenBy(ledger.Create());
                ledger.Open();
                ledger.RevokeSessions("user:kim@acme.test");
            },
            journal =>
            {
                journal.RemoveRange(journal.Count - 2, 2);
                journal[^1].SessionsRevoked.Sessions.RemoveAt(0);
            }),
        ["sessions revoked that nothing names"] = new(
            AuditRule.Cascade,
            ledger =>
            {
                ledger.Open();
                ledger.RevokeSessions("user:kim@acme.test");
            },
            journal =>
            {
                journal.RemoveAt(journal.Count - 1);
                journal[^1].SessionsRevoked.OnBehalfOf = "";
            }),
        ["what a user who left gave, ended before its time"] = new(
            AuditRule.Cascade,
            ledger => ledger.RevokeSessions("user:kim@acme.test"),
            Last(e => e.SessionsRevoked.DelegationsUntil = e.Time)),
        ["a session of what a user gave before all of it was ended"] = new(
            AuditRule.Credential,
            ledger =>
            {
                ledger.RevokeSessions("user:kim@acme.test");
                ledger.OpenBy(ledger.Create(), "t1", isProven: true, given: ledger.Now + 6_000_000_000);
            },
            Last(e => e.SessionOpened.DelegationTime = e.Time)),
        ["a session of a user who is not known, and gave it"] = new(
            AuditRule.SessionScope,
            ledger => ledger.OpenBy(ledger.Create(), "t1", isProven: true, given: ledger.Now),
            Last(e => e.SessionOpened.UserProof = UserProof.Claimed)),
        ["a session of a credential that was revoked"] = new(
            AuditRule.Credential,
            ledger =>
            {
                long revoked = ledger.Create();
                ledger.RevokeCredential(revoked);
                ledger.OpenBy(ledger.Create());
            },
            Last(e => e.SessionOpened.Credentials[0] -= 2)),
        ["a session of an access token that was ended"] = new(
            AuditRule.Credential,
            ledger =>
            {
                ledger.RevokeToken("t1");
                ledger.OpenBy(ledger.Create(), "t2");
            },
            Last(e => e.SessionOpened.AccessTokens[0] = "t1")),
        ["a known user of an unattended session"] = new(
            AuditRule.SessionScope,
            ledger => ledger.Open(request => (request.OnBehalfOf, request.Unattended) = ("", true)),
            Last(e => e.SessionOpened.UserProof = UserProof.Proven)),
        ["a user who is only named where the catalog asks for proof"] = new(
            AuditRule.SessionScope,
            ledger =>
            {
                ledger.Apply(catalog => catalog.RequireProvenUsers = true);
                ledger.OpenBy(ledger.Create(), "t1", isProven: true);
            },
            Last(e => e.SessionOpened.UserProof = UserProof.Claimed)),
        ["a renewal that knows the user better"] = new(
            AuditRule.SessionTotals,
            ledger => ledger.Renew(ledger.Open()),
            Last(e => e.SessionRenewed.Session.UserProof = UserProof.Proven)),
        ["a session that is bound to half a hash"] = new(
            AuditRule.SessionScope,
            ledger => ledger.OpenBound(),
            Last(e => e.SessionOpened.Confirmation.CertificateSha256 = "5OQz")),
        ["a subagent that drops what its parent is bound to"] = new(
            AuditRule.Delegation, OneBoundSubagent, Last(e => e.SessionOpened.Confirmation = null)),
        ["a subagent that is bound to another certificate"] = new(
            AuditRule.Delegation,
            OneBoundSubagent,
            Last(e => e.SessionOpened.Confirmation.CertificateSha256 = new string('d', 43))),
        ["a renewal that drops what the session is bound to"] = new(
            AuditRule.SessionTotals,
            ledger => ledger.Renew(ledger.OpenBound()),
            Last(e => e.SessionRenewed.Session.Confirmation = null)),
        ["an agent suspended twice"] = new(
            AuditRule.AgentStanding, ledger => ledger.Suspend(), Again(e => e.AgentSuspended is not null)),
        ["an agent resumed twice"] = new(
            AuditRule.AgentStanding,
            ledger =>
            {
                ledger.Suspend();
                ledger.Resume();
            },
            Again(e => e.AgentResumed is not null)),
        ["a hold of a suspended agent"] = new(
            AuditRule.AgentStanding,
            ledger =>
            {
                OneHold(ledger);
                ledger.Suspend();
            },
            Again(Is.Held)),
        ["a tool call of a suspended agent"] = new(
            AuditRule.AgentStanding,
            ledger =>
            {
                ledger.Authorize(ledger.Open(), "crm.read");
                ledger.Suspend();
            },
            Again(e => e.ToolAuthorized is not null)),
        ["a refusal for a suspension that was not"] = new(
            AuditRule.Refusal,
            ledger =>
            {
                long session = ledger.Open();
                ledger.Suspend();
                ledger.Resume();
                ledger.Authorize(session, "billing.pay");
            },
            Last(e => e.ReservationRefused.Reason = Reason.AgentSuspended)),
        ["a tool call out of scope"] = new(
            AuditRule.HoldScope,
            ledger => ledger.Authorize(ledger.Open(), "crm.read"),
            Last(e => e.ToolAuthorized.Tool = "billing.pay")),
        ["a tool call beyond the ceiling"] = new(
            AuditRule.GrantCeiling,
            ledger => ledger.Authorize(
                ledger.Open(request => request.Ceilings = new Ceilings { ToolCallsPerSession = 1 }), "crm.read"),
            Again(e => e.ToolAuthorized is not null)),
        ["an end of an agent that leaves a credential"] = new(
            AuditRule.AgentStanding,
            ledger =>
            {
                ledger.Create();
                ledger.Decommission();
            },
            Last(e => e.AgentDecommissioned.Credentials.Clear())),
        ["an end of an agent that leaves a session"] = new(
            AuditRule.AgentStanding,
            ledger =>
            {
                ledger.Open();
                ledger.Decommission();
            },
            journal =>
            {
                journal.RemoveRange(journal.Count - 2, 2);
                journal[^1].AgentDecommissioned.Sessions.Clear();
            }),
        ["an agent that ends twice"] = new(
            AuditRule.AgentStanding, ledger => ledger.Decommission(), Again(e => e.AgentDecommissioned is not null)),
    };

    private static long WithSession(AuditedLedger ledger)
    {
        long credential = ledger.Create();
        ledger.OpenBy(credential);
        return credential;
    }

    private static void OneCredential(AuditedLedger ledger) => ledger.Create();

    private static void OneUse(AuditedLedger ledger) => ledger.Use(ledger.UseOf(ledger.Create(), "203.0.113.0/24"));

    private static void OneBoundSubagent(AuditedLedger ledger) => ledger.OpenBelow(ledger.OpenBound());

    private static void OneRevocation(AuditedLedger ledger) => ledger.RevokeCredential(ledger.Create());
}
