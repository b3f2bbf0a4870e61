namespace AgentBudget.Identity.Tests;

/// <summary>Names of reservations: nobody reads anything from them, and they are right in one session only.</summary>
public sealed class ReservationIdsTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("reservation-ids").FullName;
    private readonly ReservationIds _ids;

    public ReservationIdsTests() => _ids = ReservationIds.LoadOrCreate(Path.Combine(_folder, "key"));

    public void Dispose()
    {
        _ids.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Theory]
    [InlineData(1, 2)]
    [InlineData(17, 1042)]
    [InlineData(long.MaxValue - 1, long.MaxValue)]
    public void A_name_is_read_back_in_its_tenant_and_session(long session, long reservation)
    {
        string id = _ids.Of("acme", session, reservation);

        Assert.True(_ids.TryRead(id, "acme", session, out long read, out bool isFormer));
        Assert.Equal((reservation, false), (read, isFormer));
        Assert.False(_ids.TryRead(id, "acme", session - 1, out _, out _));
        Assert.False(_ids.TryRead(id, "globex", session, out _, out _));
    }

    [Fact]
    public void Neighbours_names_have_nothing_in_common_and_no_number_in_them()
    {
        string[] names = [.. Enumerable.Range(1000, 200).Select(number => _ids.Of("acme", 17, number))];

        Assert.Equal(names.Length, names.Select(name => name[1..9]).Distinct().Count());
        Assert.All(names, name => Assert.Matches("^r[A-Za-z0-9_-]{22}$", name));
        string[] ordered = [.. names.Order(StringComparer.Ordinal)];
        Assert.NotEqual(ordered, names);
    }

    [Fact]
    public void Nothing_but_its_names_is_read()
    {
        string id = _ids.Of("acme", 17, 1042);
        for (int place = 1; place < id.Length - 1; place++)
        {
            string changed = id[..place] + (id[place] == 'A' ? 'B' : 'A') + id[(place + 1)..];
            Assert.False(_ids.TryRead(changed, "acme", 17, out _, out _));
        }

        Assert.All(
            new[]
            {
                null, "", "r", "x" + id[1..], id + "A", id[..^1], "r0", "r01", "r-5", "r 5", "r99999999999999999999",
            },
            wrong => Assert.False(_ids.TryRead(wrong, "acme", 17, out _, out _)));
    }

    [Fact]
    public void A_name_of_a_former_release_says_so()
    {
        Assert.True(_ids.TryRead("r1042", "acme", 17, out long reservation, out bool isFormer));
        Assert.Equal((1042, true), (reservation, isFormer));
    }

    [Fact]
    public void The_key_is_the_files_and_another_key_reads_nothing()
    {
        string id = _ids.Of("acme", 17, 1042);
        using ReservationIds same = ReservationIds.LoadOrCreate(Path.Combine(_folder, "key"));
        using ReservationIds other = ReservationIds.LoadOrCreate(Path.Combine(_folder, "other"));

        Assert.Equal(id, same.Of("acme", 17, 1042));
        Assert.False(other.TryRead(id, "acme", 17, out _, out _));
        File.WriteAllText(Path.Combine(_folder, "broken"), "abi_short");
        Assert.Throws<InvalidDataException>(() => ReservationIds.LoadOrCreate(Path.Combine(_folder, "broken")));
    }

    [Fact]
    public async Task Every_thread_names_the_same()
    {
        string id = _ids.Of("acme", 17, 1042);

        string[] names = await Task.WhenAll(
            Enumerable.Range(0, 64).Select(_ => Task.Run(() => _ids.Of("acme", 17, 1042))));

        Assert.All(names, name => Assert.Equal(id, name));
    }
}
