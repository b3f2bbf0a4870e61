using AgentBudget.Storage.InMemory;
using AgentBudget.Storage.Secrets;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;

namespace AgentBudget.Identity.Tests;

/// <summary>What silos share is the same for all of them, and sealed.</summary>
public sealed class SharedKeysTests : IDisposable
{
    private const string ClusterText = "a key that no other cluster has, of 32 bytes or more";

    private readonly TestFolder _folder = new();
    private readonly InMemorySecrets _store = new(new Guid("0f0e0d0c-0b0a-0908-0706-050403020100"));
    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 3, 1, 0, 0, 0, TimeSpan.Zero));
    private readonly ClusterKey _key;

    public SharedKeysTests() => _key = KeyOf(ClusterText);

    public void Dispose()
    {
        _key.Dispose();
        _folder.Dispose();
    }

    [Theory]
    [InlineData(31, false)]
    [InlineData(32, true)]
    [InlineData(5000, false)]
    public void A_cluster_key_has_at_least_32_bytes_and_is_no_other_file(int bytes, bool isKey)
    {
        string path = _folder.File("bytes.key");
        File.WriteAllText(path, new string('k', bytes) + "\n");
        if (isKey) ClusterKey.Load(path).Dispose();
        else Assert.Throws<InvalidDataException>(() => ClusterKey.Load(path));
    }

    [Fact]
    public void What_is_sealed_is_opened_by_the_same_key_for_the_same_store_and_name_alone()
    {
        byte[] secret = "private"u8.ToArray();
        byte[] sealedBytes = _key.Seal(_store.StoreId, "signing", secret);
        Assert.Equal(secret, _key.Open(_store.StoreId, "signing", sealedBytes));
        Assert.Null(_key.Open(Guid.Empty, "signing", sealedBytes));
        Assert.Null(_key.Open(_store.StoreId, "checkpoint", sealedBytes));
        using ClusterKey other = KeyOf(ClusterText + "!");
        Assert.Null(other.Open(_store.StoreId, "signing", sealedBytes));
        for (int place = 0; place < sealedBytes.Length; place++)
        {
            byte[] edited = [.. sealedBytes];
            edited[place] ^= 1;
            Assert.Null(_key.Open(_store.StoreId, "signing", edited));
            Assert.Null(_key.Open(_store.StoreId, "signing", sealedBytes.AsSpan(0, place)));
        }
    }

    [Fact]
    public void The_same_secret_is_never_sealed_into_the_same_bytes() => Assert.NotEqual(
        _key.Seal(_store.StoreId, "signing", "private"u8), _key.Seal(_store.StoreId, "signing", "private"u8));

    [Fact]
    public async Task Another_clusters_key_is_refused_with_a_sentence()
    {
        await new SharedKeys(_store, _key).CheckAsync(default);
        await new SharedKeys(_store, _key).CheckAsync(default);
        using ClusterKey other = KeyOf(ClusterText + "!");
        var refusal = await Assert.ThrowsAsync<InvalidDataException>(
            () => new SharedKeys(_store, other).CheckAsync(default));
        Assert.Contains("it is another cluster's key, or this is another cluster's store", refusal.Message);
    }

    [Fact]
    public async Task A_key_file_is_the_same_on_every_silo_and_the_first_one_decides()
    {
        SharedKeys keys = new(_store, _key);
        string first = _folder.File("first.key");
        string second = _folder.File("second.key");
        await keys.BringAsync("admin.key", first, () => File.WriteAllText(first, "of the first\n"), default);
        File.WriteAllText(second, "of the second\n");
        await keys.BringAsync("admin.key", second, () => Assert.Fail("there is one"), default);
        Assert.Equal("of the first", File.ReadAllText(second).Trim());
        SealedSecret stored = (await _store.ReadAsync("admin.key", default))!;
        Assert.Equal(-1, stored.Bytes.Span.IndexOf("of the first"u8));
    }

    [Fact]
    public async Task A_key_that_signed_before_there_was_a_cluster_signs_on()
    {
        using SigningKey before = SigningKey.LoadOrCreate(_folder.File("signing.key"));
        await using SharedKeyRing ring = await OpenAsync();
        Assert.Equal(before.KeyId, ring.Ring.Current.KeyId);
    }

    [Fact]
    public async Task Every_ring_has_the_keys_of_the_store()
    {
        await using SharedKeyRing one = await OpenAsync();
        await using SharedKeyRing other = await OpenAsync();
        Assert.Equal(one.Ring.Current.KeyId, other.Ring.Current.KeyId);
    }

    [Fact]
    public async Task A_new_key_is_known_everywhere_before_it_signs_anywhere()
    {
        await using SharedKeyRing one = await OpenAsync();
        await using SharedKeyRing other = await OpenAsync();
        List<(string Signs, int Known)> seen = [];
        one.TellOthersAsync = async () =>
        {
            await other.RefreshAsync();
            seen.Add((one.Ring.Current.KeyId, KnownBy(other)));
        };
        string before = one.Ring.Current.KeyId;

        KeyRotation rotation =
            (await one.Ring.RotateAsync("rotate", _time.GetUtcNow(), TimeSpan.FromHours(1)))!;

        Assert.Equal([(before, 2), (rotation.KeyId, 2)], seen);
        Assert.Equal(rotation.KeyId, other.Ring.Current.KeyId);
        Assert.Equal(before, rotation.RetiredKeyId);
        Assert.Equal(rotation, await other.Ring.RotateAsync("rotate", _time.GetUtcNow(), TimeSpan.FromHours(9)));
        Assert.Equal(rotation.KeyId, one.Ring.Current.KeyId);
    }

    [Fact]
    public async Task A_key_that_is_ended_counts_on_no_silo_that_was_told()
    {
        await using SharedKeyRing one = await OpenAsync();
        await using SharedKeyRing other = await OpenAsync();
        one.TellOthersAsync = other.RefreshAsync;
        KeyRotation rotation = (await one.Ring.RotateAsync("rotate", _time.GetUtcNow(), TimeSpan.FromHours(1)))!;
        Assert.Equal(2, KnownBy(other));
        await one.Ring.EndAsync("end", rotation.RetiredKeyId, _time.GetUtcNow(), TimeSpan.Zero);
        Assert.Equal(1, KnownBy(other));
        Assert.Null(await other.Ring.EndAsync("again", rotation.RetiredKeyId, _time.GetUtcNow(), TimeSpan.Zero));
    }

    [Fact]
    public async Task Rotations_of_two_silos_at_once_are_one_after_the_other()
    {
        await using SharedKeyRing one = await OpenAsync();
        await using SharedKeyRing other = await OpenAsync();
        SharedKeyRing[] rings = [one, other];
        KeyRotation?[] rotations = await Task.WhenAll(Enumerable.Range(0, 20).Select(number => Task.Run(async () =>
            await rings[number % 2].Ring.RotateAsync(
                $"rotate-{number}", _time.GetUtcNow(), TimeSpan.FromHours(1)))));
        Assert.Distinct(rotations.Select(rotation => rotation!.KeyId));
        Assert.Distinct(rotations.Select(rotation => rotation!.RetiredKeyId));
        await Task.WhenAll(one.RefreshAsync(), other.RefreshAsync());
        Assert.Equal(one.Ring.Current.KeyId, other.Ring.Current.KeyId);
        Assert.Equal(21, KnownBy(one));
    }

    private static int KnownBy(SharedKeyRing ring) => ring.Ring
        .ToJwks(new DateTimeOffset(2026, 3, 1, 0, 0, 1, TimeSpan.Zero)).Split("\"kid\"").Length - 1;

    private ClusterKey KeyOf(string text)
    {
        string path = _folder.File($"cluster-{text.Length}.key");
        File.WriteAllText(path, text);
        return ClusterKey.Load(path);
    }

    private Task<SharedKeyRing> OpenAsync() => SharedKeyRing.OpenAsync(
        new SharedKeys(_store, _key),
        _folder.File("signing.key"),
        TimeProvider.System,
        NullLogger.Instance,
        CancellationToken.None);
}
