using System.Security.Cryptography;
using System.Text;
using AgentBudget.Storage;
using AgentBudget.Storage.InMemory;
using AgentBudget.Storage.Secrets;
using Microsoft.Extensions.Time.Testing;

namespace AgentBudget.Identity.Tests;

/// <summary>What was used in a cluster, over the owners that remember it one after the other.</summary>
public sealed class SharedReplayMemoryTests : IDisposable
{
    private const string Agent = "agents/writer";

    private static readonly DateTimeOffset Noon = new(2026, 11, 28, 12, 0, 0, TimeSpan.Zero);

    private readonly TestFolder _folder = new();
    private readonly FaultySecrets _store = new();
    private readonly FakeTimeProvider _clock = new(Noon);
    private readonly List<SharedReplayMemory> _owners = [];
    private readonly ClusterKey _key;
    private readonly SharedKeys _keys;

    public SharedReplayMemoryTests()
    {
        File.WriteAllText(_folder.File("cluster.key"), "a key of a cluster for tests that is long enough");
        _key = ClusterKey.Load(_folder.File("cluster.key"));
        _keys = new SharedKeys(_store, _key);
    }

    private long Now => _clock.GetUtcNow().ToUnixTimeSeconds();

    public void Dispose()
    {
        foreach (SharedReplayMemory owner in _owners)
            owner.Dispose();
        _key.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task What_one_owner_used_the_next_refuses_and_takes_a_fresh_one()
    {
        await BeginAsync();
        SharedReplayMemory first = NewOwner();
        Assert.Equal(ProofOutcome.Taken, await UseAsync(first, "one", Now));
        Assert.Equal(ProofOutcome.Refused, await UseAsync(first, "one", Now));
        Assert.Equal(ProofOutcome.Taken, await UseAsync(first, "ahead", Now + 5));

        SharedReplayMemory second = NewOwner();
        Assert.Equal(ProofOutcome.Refused, await UseAsync(second, "one", Now));
        Assert.Equal(ProofOutcome.Refused, await UseAsync(second, "ahead", Now + 5));
        _clock.Advance(TimeSpan.FromSeconds(8));
        Assert.Equal(ProofOutcome.Taken, await UseAsync(second, "fresh", Now));
    }

    [Fact]
    public async Task A_former_owner_takes_nothing_that_its_successor_would_take()
    {
        await BeginAsync();
        SharedReplayMemory former = NewOwner();
        Assert.Equal(ProofOutcome.Taken, await UseAsync(former, "one", Now));
        SharedReplayMemory owner = NewOwner();
        Assert.Equal(ProofOutcome.Refused, await UseAsync(owner, "two", Now));
        Assert.Equal(ProofOutcome.Taken, await UseAsync(former, "two", Now)); // Not known to be former yet.

        _clock.Advance(TimeSpan.FromSeconds(8));
        Assert.Equal(ProofOutcome.Unknown, await UseAsync(former, "three", Now));
        Assert.True(former.IsFenced);
        Assert.Equal(ProofOutcome.Taken, await UseAsync(owner, "three", Now));
        Assert.Equal(ProofOutcome.Unknown, await UseAsync(former, "one", Now - 8));
        Assert.False(owner.IsFenced);
    }

    [Fact]
    public async Task What_was_used_before_the_silos_remembered_together_is_refused()
    {
        await BeginAsync();
        await BeginAsync(); // Each silo that starts says so; the first one counts.
        SharedReplayMemory owner = NewOwner();
        Assert.Equal(ProofOutcome.Refused, await UseAsync(owner, "before", Noon.ToUnixTimeSeconds()));
        Assert.Equal(ProofOutcome.Taken, await UseAsync(owner, "after", Now));
        using SharedReplayMemory other = new(_keys, ReplayKind.Proofs, "globex", _clock);
        Assert.Equal(ProofOutcome.Taken, await UseAsync(other, "after", Now));
        using SharedReplayMemory assertions = new(_keys, ReplayKind.Assertions, "acme", _clock);
        Assert.Equal(ProofOutcome.Taken, await UseAsync(assertions, "after", Now));
    }

    [Fact]
    public async Task Without_the_store_nothing_new_is_taken_and_with_it_again_nothing_twice()
    {
        await BeginAsync();
        SharedReplayMemory owner = NewOwner();
        _store.Fault = Fault.Before;
        await Assert.ThrowsAsync<StoreException>(() => UseAsync(owner, "one", Now));
        _store.Fault = Fault.None;
        Assert.Equal(ProofOutcome.Taken, await UseAsync(owner, "one", Now));
        _store.Fault = Fault.After;
        Assert.Equal(ProofOutcome.Taken, await UseAsync(owner, "told already", Now + 1));
        await Assert.ThrowsAsync<StoreException>(() => UseAsync(owner, "two", Now + 5));
        _store.Fault = Fault.None;
        Assert.Equal(ProofOutcome.Refused, await UseAsync(owner, "one", Now));
        _clock.Advance(TimeSpan.FromSeconds(8));
        Assert.Equal(ProofOutcome.Taken, await UseAsync(owner, "three", Now));
        Assert.False(owner.IsFenced);
    }

    [Theory]
    [InlineData(1), InlineData(2), InlineData(3), InlineData(4), InlineData(5), InlineData(6), InlineData(7)]
    public async Task Nothing_is_taken_twice_by_any_owners_with_any_clocks_and_faults_of_the_store(int seed)
    {
        Dictionary<string, int> taken = await TakenOfAsync(seed);
        Assert.True(taken.Count > 50, $"seed {seed}: {taken.Count} taken, which tries little");
        Assert.All(taken, once => Assert.True(once.Value == 1, $"seed {seed}: {once.Key} taken {once.Value} times"));
    }

    [Fact]
    public async Task Where_the_store_compares_no_versions_something_is_taken_twice()
    {
        _store.ComparesVersions = false;
        Assert.Contains(await TakenOfAsync(seed: 1), once => once.Value > 1);
    }

    // How often each id was taken by owners that come one after the other, the last three of them at once.
    private async Task<Dictionary<string, int>> TakenOfAsync(int seed)
    {
        await BeginAsync();
        Random random = new(seed);
        Dictionary<string, int> taken = [];
        List<(string Id, long Issued)> shown = [];
        List<(SharedReplayMemory Memory, FakeTimeProvider Clock)> owners = [];
        for (int step = 0; step < 4_000; step++)
        {
            if (owners.Count == 0 || random.Next(100) == 0)
            {
                FakeTimeProvider clock = new(_clock.GetUtcNow().AddSeconds(random.Next(-60, 60)));
                owners.Add((NewOwner(clock), clock));
            }

            foreach ((_, FakeTimeProvider clock) in owners)
                clock.Advance(TimeSpan.FromMilliseconds(random.Next(400)));
            _clock.Advance(TimeSpan.FromMilliseconds(200));
            if (shown.Count == 0 || random.Next(3) == 0)
                shown.Add(($"id-{step}", Now + random.Next(-60, 10)));
            (string id, long issued) = shown[random.Next(Math.Max(0, shown.Count - 40), shown.Count)];
            _store.Fault = random.Next(10) switch { 0 => Fault.Before, 1 => Fault.After, _ => Fault.None };
            SharedReplayMemory owner = owners[random.Next(Math.Max(0, owners.Count - 3), owners.Count)].Memory;
            try
            {
                if (await UseAsync(owner, id, issued) == ProofOutcome.Taken)
                    taken[id] = taken.GetValueOrDefault(id) + 1;
            }
            catch (StoreException)
            {
                // Nothing is known of it.
            }
        }

        return taken;
    }

    private async Task BeginAsync()
    {
        await SharedReplayMemory.BeginAsync(_keys, _clock, default);
        _clock.Advance(TimeSpan.FromSeconds(6));
    }

    private SharedReplayMemory NewOwner(FakeTimeProvider? clock = null)
    {
        SharedReplayMemory owner = new(_keys, ReplayKind.Proofs, "acme", clock ?? _clock);
        _owners.Add(owner);
        return owner;
    }

    private static async Task<ProofOutcome> UseAsync(SharedReplayMemory memory, string id, long issuedSeconds) =>
        await memory.TryUseAsync(Agent, SHA256.HashData(Encoding.UTF8.GetBytes(id)), issuedSeconds, default);

    private enum Fault
    {
        None,
        Before,
        After,
    }

    /// <summary>A store whose writes fail, with or without an effect.</summary>
    private sealed class FaultySecrets : ISharedSecrets
    {
        private readonly InMemorySecrets _secrets = new(new Guid("0f0e0d0c-0b0a-0908-0706-050403020100"));

        public Fault Fault { get; set; }

        public bool ComparesVersions { get; set; } = true;

        public Guid StoreId => _secrets.StoreId;

        public ValueTask<SealedSecret?> ReadAsync(string name, CancellationToken cancellationToken) =>
            _secrets.ReadAsync(name, cancellationToken);

        public async ValueTask<bool> TryWriteAsync(
            string name, long version, ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
        {
            if (Fault == Fault.Before)
                throw new StoreException("the store is away");
            long compared = ComparesVersions
                ? version
                : (await _secrets.ReadAsync(name, cancellationToken))?.Version ?? 0;
            bool isWritten = await _secrets.TryWriteAsync(name, compared, bytes, cancellationToken);
            return Fault == Fault.After ? throw new StoreException("the store is away") : isWritten;
        }
    }
}
