namespace AgentBudget.Simulation.Mutants;

/// <summary>Every planted mutant. One that no seed finds is a hole in the checks.</summary>
internal static class AllMutants
{
    /// <summary>Seeds within which each must be found.</summary>
    public const int SeedsMax = 2000;

    public static IReadOnlyList<(string Name, Func<Mutant> Make)> Table { get; } =
    [
        ("ack before durable", static () => new AckBeforeDurable()),
        ("forget the key in the event", static () => new ForgottenKey()),
        ("release twice", static () => new ReleaseTwice()),
        ("expiry by wall clock", static () => new ExpiryByWallClock()),
        ("< for ≤ at the limit", static () => new LessForLessOrEqual()),
        ("skip the tenant's check", static () => new SkippedTenantCheck()),
        ("overrun clipped", static () => new ClippedOverrun()),
        ("late commit lost", static () => new LostLateCommit()),
        ("renew without epoch", static () => new RenewWithoutEpoch()),
        ("acquire without a new epoch", static () => new AcquireWithoutEpoch()),
        ("append without the fence", static () => new AppendWithoutFence()),
        ("head read in the acquire", static () => new HeadReadInAcquire()),
        ("blind re-append after a timeout", static () => new BlindReAppend()),
        ("state kept after loss", static () => new StateKeptAfterLoss()),
        ("clock going back", static () => new ClockGoesBack()),
        ("truncate before verify", static () => new TruncateBeforeVerify()),
        ("stream before durable", static () => new StreamBeforeDurable()),
        ("cross-tenant cache key", static () => new CrossTenantCache()),
        ("used key with other content answered", static () => new IgnoredContent()),
        ("deadlines forgotten", static () => new ForgottenDeadlines()),
        ("snapshot forgets requests", static () => new SnapshotForgetsRequests()),
        ("unknown told as refused", static () => new UnknownToldAsRefused()),
        ("revoked credential leaves its sessions", static () => new RevocationLeavesSessions()),
        ("absent taken for zero", static () => new AbsentIsZero()),
        ("samplings priced as one", static () => new SamplingsAsOne()),
        ("unpriced item charged as another", static () => new UnpricedAsDearest()),
        ("request for free", static () => new RequestForFree()),
        ("billed cost settled as the own price", static () => new BilledAsOwn()),
        ("key without principal", static () => new KeyWithoutPrincipal()),
        ("hold without owner", static () => new HoldWithoutOwner()),
        ("charged estimate kept beside its commit", static () => new EstimateKept()),
        ("overspend carried twice", static () => new OverspendTwice()),
        ("adjustment makes overrun room twice", static () => new OverrunCreditedTwice()),
        ("re-rate without the price version", static () => new VersionlessRerating()),
        ("changed period forgets", static () => new ForgetfulPeriod()),
        ("agent breaker skipped", static () => new AgentBreakerSkipped()),
        ("spread over sessions uncounted", static () => new SpreadUncounted()),
        ("share counted globally", static () => new ShareCountedGlobally()),
        ("dispute counted twice", static () => new DisputeCountedTwice()),
        ("dismissal makes room twice", static () => new DismissalTwice()),
        ("revoked token leaves its sessions", static () => new TokenLeavesSessions()),
        ("user who left keeps a session", static () => new UserKeepsSession()),
        ("what a user who left gave is ended too early", static () => new UserGivesOn()),
        ("liar's session goes on", static () => new LiarGoesOn()),
        ("family window skipped", static () => new FamilyWindowSkipped()),
        ("approval extends twice", static () => new ApprovedTwice()),
        ("removal of a patch forgotten", static () => new RemovalForgotten()),
        ("user's first window untold", static () => new UserWindowUntold()),
    ];
}
