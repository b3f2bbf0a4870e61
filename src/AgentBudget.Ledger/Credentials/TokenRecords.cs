using AgentBudget.Ledger.Requests;
using AgentBudget.Ledger.Sessions;
using AgentBudget.Ledger.Tenants;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Ledger.Credentials;

/// <summary>An access token that was ended before its time, remembered until then.</summary>
internal sealed class RevokedToken
{
    public RevokedToken(string id, long credential, long expireNanos)
    {
        Id = id;
        Credential = credential;
        ExpireNanos = expireNanos;
        RetentionDeadline = new Deadline(DeadlineKind.Retention, this, number: 0, id);
    }

    public string Id { get; }

    /// <summary>The credential that it was issued to.</summary>
    public long Credential { get; }

    public long ExpireNanos { get; }

    public Deadline RetentionDeadline { get; }
}

/// <summary>A user whose tokens were ended, remembered as long as any of them might be taken.</summary>
internal sealed class RevokedUser
{
    /// <summary>How long a user's token counts after it was issued.</summary>
    public const long RetentionNanos = 24 * LogTime.NanosPerHour;

    /// <summary>How far the clock of a user's issuer may be ahead.</summary>
    public const long ClockSkewNanos = 5 * LogTime.NanosPerSecond;

    public RevokedUser(string user, long untilNanos)
    {
        User = user;
        UntilNanos = untilNanos;
        RetentionDeadline = new Deadline(DeadlineKind.Retention, this, number: 0, user);
    }

    public string User { get; }

    /// <summary>What the user gave until then is worth nothing.</summary>
    public long UntilNanos { get; }

    public Deadline RetentionDeadline { get; }
}

/// <summary>Records what happened to tokens and the keys that sign them.</summary>
internal static class TokenRecords
{
    private const string SessionsReason = "its access token was revoked";

    public static Answer Handle(TenantLedger ledger, RevokeAccessTokenCommand command)
    {
        AccessTokenRevoked revoked = command.Revoked;
        AskedRequest asked = new ContentHash(Operation.RevokeAccessToken)
            .Add(revoked.TokenId)
            .Of(Principals.OfActor(command.Actor), command.RequestId);
        if (ledger.TryAnswer(asked, out Answer again)) return again;
        bool isTimely = LogTime.TryFromTimestamp(revoked.ExpireTime, out long expireNanos) && expireNanos > ledger.Now;
        if (!isTimely || ledger.Credentials.IsRevoked(revoked.TokenId)) return new Answer(Outcome.Done);
        // Who ends many meets its own bound before those of others do.
        if (ledger.Credentials.RevokedTokensOf(revoked.Credential) >= CredentialBook.RevokedTokensOfOneMax
            || ledger.Credentials.RevokedTokens >= CredentialBook.RevokedTokensMax)
        {
            string description = $"{CredentialBook.RevokedTokensOfOneMax} access tokens of one credential, or "
                + $"{CredentialBook.RevokedTokensMax} of all, were ended before their time";
            return new Answer(Outcome.BoundReached, Faults: [new Fault("tokens", description)]);
        }

        revoked = revoked.Clone();
        TakeAlong.Find(
            ledger, revoked.Sessions, session => session.Opened.AccessTokens.Contains(revoked.TokenId));
        LedgerEvent ledgerEvent = asked.NewEvent(command.Actor);
        ledgerEvent.AccessTokenRevoked = revoked;
        ledger.Emit(ledgerEvent);
        return new Answer(Outcome.Done, ledgerEvent);
    }

    public static Answer Handle(TenantLedger ledger, RecordKeyRotationCommand command)
    {
        SigningKeyRotated rotated = command.Rotated;
        AskedRequest asked = new ContentHash(Operation.RotateSigningKey)
            .Add(rotated.KeyId)
            .Add(rotated.RetireTime)
            .Add(rotated.Reason)
            .Of(Principals.OfActor(command.Actor), command.RequestId);
        if (ledger.TryAnswer(asked, out Answer again)) return again;
        LedgerEvent ledgerEvent = asked.NewEvent(command.Actor);
        ledgerEvent.SigningKeyRotated = rotated;
        ledger.Emit(ledgerEvent);
        return new Answer(Outcome.Done, ledgerEvent);
    }

    public static void Apply(TenantLedger ledger, AccessTokenRevoked revoked)
    {
        ledger.Add(new RevokedToken(revoked.TokenId, revoked.Credential, LogTime.FromTimestamp(revoked.ExpireTime)));
        TakeAlong.Apply(ledger, revoked.Sessions, SessionsReason, Names.AccessTokenPrefix + revoked.TokenId);
    }
}
