using AgentBudget.Dashboard.Live;
using AgentBudget.Dashboard.SigningIn;
using AgentBudget.Protocol.V1;
using Google.Protobuf.WellKnownTypes;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;

namespace AgentBudget.Dashboard.Tests;

public sealed class PartTests
{
    private static readonly DateTimeOffset Start = new(2026, 11, 29, 12, 0, 0, TimeSpan.Zero);

    [Fact]
    public async Task Any_number_of_changes_are_four_renders_a_second()
    {
        FakeTimeProvider time = new(Start);
        int renders = 0;
        await using RenderPacer pacer = new(time, () =>
        {
            renders++;
            return Task.CompletedTask;
        });

        for (int change = 0; change < 1_000; change++)
        {
            pacer.Mark();
            time.Advance(TimeSpan.FromMilliseconds(1));
        }

        Assert.InRange(renders, 4, 5);
        time.Advance(TimeSpan.FromSeconds(60));
        Assert.InRange(renders, 4, 5); // Nothing changed, so nothing runs.
    }

    [Fact]
    public void A_burn_rate_forgets_what_is_old()
    {
        BurnRate burn = new();
        burn.Add(Start, 100);
        burn.Add(Start.AddSeconds(30), 50);
        burn.Add(Start.AddHours(-1), 7);

        Assert.Equal(150, burn.Within(Start.AddSeconds(30), TimeSpan.FromMinutes(1)));
        Assert.Equal(50, burn.Within(Start.AddSeconds(75), TimeSpan.FromMinutes(1)));
        Assert.Equal(150, burn.Series(Start.AddSeconds(75)).Sum());
        Assert.Equal(0, burn.Series(Start.AddHours(1)).Sum());
    }

    [Fact]
    public void A_run_sums_up_and_takes_back_what_is_no_longer_held()
    {
        RunTree tree = new();
        tree.Add(Told(1, "sessions/s1", "", told => told.SessionOpened = new SessionOpened { Task = "plan" }));
        tree.Add(Told(2, "sessions/s2", "sessions/s1", told => told.SessionOpened = new SessionOpened()));
        tree.Add(Told(3, "sessions/s2", "sessions/s1", told =>
            told.ReservationHeld = new ReservationHeld { CostNanos = 500 }));
        tree.Add(Told(4, "sessions/s2", "sessions/s1", told => told.ReservationSettled =
            new ReservationSettled { Reservation = 3, CostNanos = 200, UnheldNanos = 500, Final = true }));
        tree.Add(Told(5, "sessions/s1", "", told => told.ReservationHeld = new ReservationHeld { CostNanos = 40 }));
        tree.Add(Told(6, "sessions/s2", "sessions/s1", told =>
            told.RefusalsCoalesced = new RefusalsCoalesced { Count = 9 }));
        tree.Add(Told(7, "sessions/s2", "sessions/s1", told =>
            told.SessionEnded = new SessionEnded { State = Session.Types.State.Revoked }));

        RunNode root = tree.Root!;
        RunNode child = Assert.Single(root.Children);
        Assert.Equal((200, 0, 40), (root.WholeNanos, root.OwnNanos, root.HeldNanos));
        Assert.Equal((200, 0, 1, 9), (child.OwnNanos, child.HeldNanos, child.Calls, child.Refused));
        Assert.Equal(Session.Types.State.Revoked, child.State);
    }

    [Fact]
    public void A_link_works_once_and_not_for_long()
    {
        FakeTimeProvider time = new(Start);
        SignInLinks links = new(time);
        string used = links.New();
        string old = links.New();

        Assert.False(links.TryUse("guess"));
        Assert.True(links.TryUse(used));
        Assert.False(links.TryUse(used));
        time.Advance(SignInLinks.Life);
        Assert.False(links.TryUse(old));
    }

    [Fact]
    public async Task Who_is_signed_in_outlives_a_restart_but_not_the_day()
    {
        string file = Path.GetTempFileName();
        File.Delete(file);
        FakeTimeProvider time = new(Start);
        string cookie;
        await using (SessionStore store = StoreOf(file, time)) cookie = store.Add("abf_secret", "acme");
        if (!OperatingSystem.IsWindows())
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(file));

        await using (SessionStore store = StoreOf(file, time))
        {
            SignedIn found = store.Find(cookie)!;
            Assert.Equal(("abf_secret", "acme", ViewerRole.Finance), (found.Credential, found.Tenant, found.Role));
            Assert.Null(store.Find((cookie[0] == 'A' ? 'B' : 'A') + cookie[1..]));
            Assert.Null(store.Find("x"));
            Assert.Null(store.Find("no base64!"));
            store.Remove(found.Id);
            Assert.True(found.Ended.IsCancellationRequested);
            Assert.Null(store.Find(cookie));
            cookie = store.Add("abf_secret", null);
            time.Advance(SessionStore.Life);
            Assert.Null(store.Find(cookie));
        }

        File.Delete(file);
    }

    [Fact]
    public async Task A_broken_file_signs_everybody_out_and_no_more()
    {
        string file = Path.GetTempFileName();
        await File.WriteAllTextAsync(file, "[{");
        await using SessionStore store = StoreOf(file, new FakeTimeProvider(Start));

        string cookie = store.Add("abu_secret", null);

        Assert.NotNull(store.Find(cookie));
        File.Delete(file);
    }

    private static SessionStore StoreOf(string file, TimeProvider time) => new(
        new DashboardModel
        {
            Api = () => new Uri("http://127.0.0.1:1"),
            SessionsFile = file,
            LinkCredential = () => ("", null),
        },
        time,
        NullLogger<SessionStore>.Instance);

    private static LedgerEvent Told(long sequence, string session, string parent, Action<LedgerEvent> fact)
    {
        LedgerEvent told = new()
        {
            Sequence = sequence,
            Time = Timestamp.FromDateTimeOffset(Start),
            Spender = new Spender { Session = session, Parent = parent, Agent = "agents/a", UseCase = "useCases/u" },
        };
        fact(told);
        return told;
    }
}
