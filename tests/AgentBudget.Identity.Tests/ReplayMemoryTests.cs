namespace AgentBudget.Identity.Tests;

public sealed class ReplayMemoryTests : IDisposable
{
    private const long Now = 1_800_000_000;

    private static readonly ProofOwner Noisy = new("acme", "agents/noisy");
    private static readonly ProofOwner Quiet = new("acme", "agents/quiet");

    private readonly TestFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void What_was_used_is_refused_for_as_long_as_it_counts()
    {
        ReplayMemory memory = ReplayMemory.Open(ReplayKind.Proofs, path: null);
        Assert.Equal(ProofOutcome.Taken, memory.TryUse(Noisy, "one", Now, Now));
        for (long later = 0; later <= 65; later++)
            Assert.Equal(ProofOutcome.Refused, memory.TryUse(Noisy, "one", Now, Now + later));
        Assert.Equal(ProofOutcome.Refused, memory.TryUse(Quiet, "one", Now, Now));
    }

    [Fact]
    public void What_is_no_longer_remembered_is_refused_by_its_time_though_the_clock_goes_back()
    {
        ReplayMemory memory = ReplayMemory.Open(ReplayKind.Proofs, path: null);
        Assert.Equal(ProofOutcome.Taken, memory.TryUse(Noisy, "one", Now, Now));
        Assert.Equal(ProofOutcome.Taken, memory.TryUse(Noisy, "two", Now + 80, Now + 80));
        Assert.Equal(ProofOutcome.Taken, memory.TryUse(Noisy, "far", Now + 500, Now + 500));
        Assert.Equal(ProofOutcome.Refused, memory.TryUse(Noisy, "one", Now, Now + 1));
        Assert.Equal(ProofOutcome.Refused, memory.TryUse(Noisy, "two", Now + 80, Now + 81));
        Assert.Equal(ProofOutcome.Taken, memory.TryUse(Noisy, "fresh", Now + 81, Now + 81));
    }

    [Fact]
    public void A_use_on_one_silo_by_itself_is_done_at_once_and_makes_no_more_than_its_id()
    {
        const int Warm = 2_000; // The table then has room for twice as many.
        const int Uses = 1_000;
        ReplayMemory memory = ReplayMemory.Open(ReplayKind.Proofs, path: null);
        string[] ids = [.. Enumerable.Range(0, Warm + Uses).Select(i => $"p {i}")];
        bool UseAll(int first, int count)
        {
            bool areTakenAtOnce = true;
            for (int i = first; i < first + count; i++)
            {
                ValueTask<ProofOutcome> use = memory.TryUseAsync(Noisy, ids[i], Now, Now);
                areTakenAtOnce &= use.IsCompletedSuccessfully && use.Result == ProofOutcome.Taken;
            }

            return areTakenAtOnce;
        }

        Assert.True(UseAll(0, Warm));
        long before = GC.GetAllocatedBytesForCurrentThread();
        bool areTaken = UseAll(Warm, Uses);
        long bytes = (GC.GetAllocatedBytesForCurrentThread() - before) / Uses;
        Assert.True(areTaken);
        Assert.InRange(bytes, 0, 64); // The bytes of the id; a task would be as many again.
    }

    [Fact]
    public void What_was_used_before_a_restart_is_refused_after_it()
    {
        string file = _folder.File("used");
        ReplayMemory before = ReplayMemory.Open(ReplayKind.Proofs, file);
        Assert.Equal(ProofOutcome.Taken, before.TryUse(Noisy, "one", Now, Now));
        Assert.Equal(ProofOutcome.Taken, before.TryUse(Noisy, "ahead", Now + 5, Now));

        ReplayMemory after = ReplayMemory.Open(ReplayKind.Proofs, file);
        Assert.Equal(ProofOutcome.Refused, after.TryUse(Noisy, "one", Now, Now + 1));
        Assert.Equal(ProofOutcome.Refused, after.TryUse(Noisy, "ahead", Now + 5, Now + 1));
        Assert.Equal(ProofOutcome.Taken, after.TryUse(Noisy, "fresh", Now + 8, Now + 8));
    }

    [Fact]
    public void A_file_that_cannot_be_written_takes_no_proof_and_one_that_holds_something_else_stops_the_start()
    {
        ReplayMemory memory = ReplayMemory.Open(ReplayKind.Assertions, Path.Combine(_folder.File("none"), "used"));
        Assert.Equal(ProofOutcome.Unknown, memory.TryUse(Noisy, "one", Now, Now));
        string file = _folder.File("used");
        File.WriteAllText(file, "yesterday");
        Assert.Throws<InvalidDataException>(() => ReplayMemory.Open(ReplayKind.Assertions, file));
    }

    [Fact]
    public void The_one_who_uses_too_many_meets_its_own_bound_and_nobody_elses()
    {
        ReplayMemory memory = ReplayMemory.Open(ReplayKind.Proofs, path: null);
        for (int i = 0; i < UsedIds.PrincipalEntriesMax; i++)
            Assert.Equal(ProofOutcome.Taken, memory.TryUse(Noisy, $"{i}", Now, Now));
        Assert.Equal(ProofOutcome.Exhausted, memory.TryUse(Noisy, "more", Now, Now));
        Assert.Equal(ProofOutcome.Refused, memory.TryUse(Noisy, "1", Now, Now));
        Assert.Equal(ProofOutcome.Taken, memory.TryUse(Quiet, "more", Now, Now));
        Assert.Equal(ProofOutcome.Taken, memory.TryUse(new ProofOwner("other", "agents/noisy"), "mine", Now, Now));
        Assert.Equal(ProofOutcome.Taken, memory.TryUse(Noisy, "later", Now + 200, Now + 200));
    }

    [Fact]
    public void A_tenant_meets_its_bound_and_no_other_tenant_does()
    {
        ReplayMemory memory = ReplayMemory.Open(ReplayKind.Proofs, path: null);
        for (int i = 0; i < UsedIds.TenantEntriesMax; i++)
        {
            ProofOwner owner = new("acme", $"agents/a{i % 4}");
            Assert.Equal(ProofOutcome.Taken, memory.TryUse(owner, $"{i}", Now, Now));
        }

        Assert.Equal(ProofOutcome.Exhausted, memory.TryUse(Quiet, "more", Now, Now));
        Assert.Equal(ProofOutcome.Taken, memory.TryUse(new ProofOwner("other", "agents/quiet"), "more", Now, Now));
    }
}
