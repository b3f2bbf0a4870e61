using AgentBudget.Ledger.Tenants;
using AgentBudget.Protocol.Snapshot.V1;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Ledger.Credentials;

/// <summary>
/// What a tenant knows of one credential: everything but its secret.
/// <code>
/// LIVE ── its time ──► EXPIRED ─┐
///   └──── revoked ───► REVOKED ─┴── retention ──► forgotten
/// </code>
/// </summary>
internal sealed class CredentialRecord
{
    private readonly CredentialState _state;

    public CredentialRecord(CredentialState state)
    {
        _state = state;
        RetentionDeadline = new Deadline(DeadlineKind.Retention, this, state.Number, Names.Credential(state.Number));
    }

    public long Number => _state.Number;

    public string Principal => _state.Principal;

    /// <summary>Grains of the catalog that it is about: an agent, or what an owner owns.</summary>
    public IEnumerable<string> Holds => _state.Role == Role.Agent ? [_state.Principal] : _state.Grains;

    /// <summary>When it may be forgotten; queued once its end is known.</summary>
    public Deadline RetentionDeadline { get; }

    /// <summary>When it ends, as far as is known; <see cref="long.MaxValue"/> for never.</summary>
    public long EndNanos => _state.RevokeNanos != 0
        ? _state.RevokeNanos
        : _state.ExpireNanos == 0 ? long.MaxValue : _state.ExpireNanos;

    public bool IsLive(long nowNanos) => nowNanos < EndNanos;

    public void Revoke(long nowNanos, string reason)
    {
        Invariant.Holds(_state.RevokeNanos == 0);
        _state.RevokeNanos = nowNanos;
        _state.RevokeReason = reason;
    }

    public void NoteUse(long timeNanos) => _state.LastUseNanos = Math.Max(_state.LastUseNanos, timeNanos);

    /// <summary>A copy: the record goes on changing.</summary>
    public CredentialState ToState() => _state.Clone();

    public Credential ToMessage(string tenant, long nowNanos)
    {
        var message = new Credential
        {
            Credential_ = Names.Credential(Number),
            KeyId = Names.KeyId(tenant, Number),
            Principal = Principal,
            Role = _state.Role,
            PublicJwk = _state.PublicJwk,
            State = StateAt(nowNanos),
            CreateTime = LogTime.ToTimestamp(_state.CreateNanos),
            ExpireTime = LogTime.ToOptionalTimestamp(_state.ExpireNanos),
            RevokeTime = LogTime.ToOptionalTimestamp(_state.RevokeNanos),
            Creator = _state.Creator,
            RevokeReason = _state.RevokeReason,
            CertificateSha256 = _state.CertificateSha256,
            LastUseTime = LogTime.ToOptionalTimestamp(_state.LastUseNanos),
        };
        message.Grains.Add(_state.Grains);
        return message;
    }

    public Credential.Types.State StateAt(long nowNanos)
    {
        if (_state.RevokeNanos != 0) return Credential.Types.State.Revoked;
        return IsLive(nowNanos) ? Credential.Types.State.Live : Credential.Types.State.Expired;
    }
}
