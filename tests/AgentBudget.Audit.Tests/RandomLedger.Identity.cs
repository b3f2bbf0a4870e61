using AgentBudget.Ledger;
using AgentBudget.Ledger.Tenants;
using AgentBudget.Protocol.V1;
using Google.Protobuf;

namespace AgentBudget.Audit.Tests;

// Who may call, which agents may act, and what ends with them.
internal sealed partial class RandomLedger
{
    // The agent "spare" is there to be ended: it would take the others' sessions with it.
    private void ActOnIdentity()
    {
        string agent = Any(["agents/writer", "agents/other", "agents/spare"]);
        if (_bindings.Next(3) == 0) Use();
        if (_bindings.Next(12) == 0) RevokeSessions();
        switch (_random.Next(12))
        {
            case < 4:
                var create = new CreateCredentialRequest { RequestId = NextId(), Principal = agent, Role = Role.Agent };
                if (_bindings.Next(3) == 0) create.CertificateSha256 = new string('c', 43);
                if (_random.Next(3) == 0) create.ExpireTime = LogTime.ToTimestamp(Ledger.Now + LogTime.NanosPerSecond);
                Answer created = Send(new CreateCredentialCommand(create, ByteString.CopyFrom(new byte[32]), "admin"));
                if (created.Event?.CredentialCreated is not null) _credentials.Add(created.Event.Sequence);
                break;
            case < 6 when _credentials.Count > 0:
                Send(new RevokeCredentialCommand(
                    Any([.. _credentials]),
                    new RevokeCredentialRequest
                    {
                        RequestId = NextId(),
                        Reason = "old",
                        KeepSessions = _bindings.Next(3) == 0,
                    },
                    "admin"));
                break;
            case < 7:
                Send(new SuspendAgentCommand(
                    new SuspendAgentRequest { RequestId = NextId(), Agent = agent, Reason = "odd" }, "admin"));
                break;
            case < 11:
                foreach (string suspended in (string[])["agents/writer", "agents/other"])
                    Send(new ResumeAgentCommand(
                        new ResumeAgentRequest { RequestId = NextId(), Agent = suspended, Reason = "fine" }, "admin"));
                break;
            default:
                Send(new DecommissionAgentCommand(
                    new DecommissionAgentRequest { RequestId = NextId(), Agent = "agents/spare", Reason = "gone" },
                    "admin"));
                break;
        }
    }

    // Ended ones and ones that never were too: those are left out.
    private void Use()
    {
        var used = new CredentialsUsed();
        foreach (long credential in _credentials.Distinct().Order().Where(_ => _bindings.Next(2) == 0))
        {
            used.Uses.Add(new CredentialUse
            {
                Credential = credential,
                LastUseTime = LogTime.ToTimestamp(Ledger.Now + (_bindings.Next(-90, 90) * LogTime.NanosPerSecond)),
                Places = { _bindings.Next(2) == 0 ? "203.0.113.0/24" : "198.51.100.0/24" },
                Unproven = _bindings.Next(2),
                WrongSecrets = _bindings.Next(2),
            });
        }

        Send(new RecordCredentialUsesCommand(NextId(), used));
    }

    private void RevokeSessions()
    {
        var request = new RevokeSessionsRequest { RequestId = NextId(), OnBehalfOf = "user:kim", Reason = "left" };
        if (_credentials.Count > 0 && _bindings.Next(2) == 0)
            request.Credential = $"credentials/c{_credentials[_bindings.Next(_credentials.Count)]}";
        Send(new RevokeSessionsCommand(request, "admin"));
    }

    // What a session is opened with, if not with the operator's key.
    private SessionOrigin? Origin(OpenSessionRequest request)
    {
        string user = Users[_bindings.Next(Users.Length)];
        if (_bindings.Next(3) > 0) (request.Unattended, request.OnBehalfOf) = (false, user);
        if (_credentials.Count == 0 || _bindings.Next(2) == 0) return null;
        long end = _bindings.Next(2) == 0 ? 0 : Ledger.Now + (_bindings.Next(1, 3600) * LogTime.NanosPerSecond);
        return new SessionOrigin(
            [_credentials[_bindings.Next(_credentials.Count)]],
            [$"t{_bindings.Next(5)}"],
            IsUserProven: request.OnBehalfOf.Length > 0,
            DelegationEndNanos: end,
            DelegationStartNanos: Ledger.Now - (_bindings.Next(3600) * LogTime.NanosPerSecond));
    }
}
