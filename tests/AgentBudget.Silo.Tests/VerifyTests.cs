using System.Globalization;
using AgentBudget.Protocol.V1;
using AgentBudget.Silo.Hosting;
using AgentBudget.Silo.Options;
using AgentBudget.Silo.Verify;
using AgentBudget.Storage.Journal;
using AgentBudget.Storage.Sqlite;
using Google.Protobuf;
using Microsoft.Extensions.Logging.Abstractions;

namespace AgentBudget.Silo.Tests;

public sealed class VerifyTests
{
    [Fact]
    public async Task A_sound_ledger_is_clean_and_stays_as_it_is()
    {
        await using TestSilo silo = await SpentAsync();
        await silo.StopAsync();
        (JournalHead Head, long Epoch) before = await LookAsync(silo);

        (int code, string output, string errors) = await VerifyAsync(silo);

        Assert.Equal((ExitCodes.Ok, ""), (code, errors));
        Assert.Contains("tenant acme", output, StringComparison.Ordinal);
        Assert.Contains("clean: every rule holds", output, StringComparison.Ordinal);
        Assert.Contains("1 granted, 1 refused", output, StringComparison.Ordinal);
        Assert.Contains("useCases/promo: settled USD 0.001,", output, StringComparison.Ordinal);
        Assert.Contains(before.Head.Hash.ToString(), output, StringComparison.Ordinal);

        // Looking acquires once, and nobody else did in between.
        (JournalHead Head, long Epoch) after = await LookAsync(silo);
        Assert.Equal((before.Head, before.Epoch + 1), after);
    }

    [Fact]
    public async Task A_wrong_event_is_named_with_its_tenant_group_and_rule()
    {
        await using TestSilo silo = await SpentAsync();
        await silo.StopAsync();
        JournalHead head = await AppendAsync(silo, last => new LedgerEvent(last)
        {
            Sequence = last.Sequence + 1,
            RequestId = "again",
        });

        (int code, string output, _) = await VerifyAsync(silo);

        Assert.Equal(ExitCodes.Data, code);
        Assert.Contains("tenant acme", output, StringComparison.Ordinal);
        Assert.Contains("WRONG: 1 findings", output, StringComparison.Ordinal);
        string place = string.Create(
            CultureInfo.InvariantCulture,
            $"event {head.LastEvent}, group {head.Sequence}, rule reservation.terminal: ");
        Assert.Contains(place, output, StringComparison.Ordinal);
        Assert.Contains("1 of 1 ledgers are wrong.", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_running_silo_has_the_ledger_for_itself()
    {
        await using TestSilo silo = await SpentAsync();

        (int code, _, string errors) = await VerifyAsync(silo);

        Assert.Equal(ExitCodes.Storage, code);
        Assert.Contains("in use by another process", errors, StringComparison.Ordinal);
        Assert.Contains("stop it first", errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_folder_without_a_ledger_is_named_and_not_made()
    {
        string folder = Path.Combine(Path.GetTempPath(), "agentbudget-no-such-folder");
        StringWriter errors = new();

        int code = await CommandOf(TextWriter.Null, errors).InvokeAsync(["--verify", "--data", folder], errors);

        Assert.Equal(ExitCodes.Usage, code);
        Assert.Contains($"There is no ledger in {folder}", errors.ToString(), StringComparison.Ordinal);
        Assert.False(Directory.Exists(folder));
    }

    // One charge and one refusal; the charge is the last event.
    private static async Task<TestSilo> SpentAsync()
    {
        TestSilo silo = await TestSilo.StartAsync();
        OpenSessionResponse opened = await silo.OpenAsync();
        ReserveTokensResponse reserved = await silo.ReserveAsync(opened.SessionToken, "r1");
        await silo.ReserveAsync(opened.SessionToken, "r2", input: 2_000_000);
        await silo.CommitAsync(opened.SessionToken, "c1", reserved.Reservation.ReservationId, input: 1000);
        return silo;
    }

    private static async Task<(int Code, string Output, string Errors)> VerifyAsync(TestSilo silo)
    {
        StringWriter output = new();
        StringWriter errors = new();
        int code = await CommandOf(output, errors).InvokeAsync(["--data", silo.DataFolder, "--verify"], errors);
        return (code, output.ToString(), errors.ToString());
    }

    private static SiloCommand CommandOf(TextWriter output, TextWriter errors) => new(model =>
    {
        Assert.True(model.IsVerify);
        return VerifyProcess.RunAsync(model, output, errors);
    });

    private static SqliteStore Open(TestSilo silo) => SqliteStore.Open(
        new SqliteStoreOptions
        {
            Folder = new DataFolder(silo.DataFolder).LedgerFolder,
            OnFailed = fault => throw fault,
        },
        NullLoggerFactory.Instance);

    private static async Task<(JournalHead Head, long Epoch)> LookAsync(TestSilo silo)
    {
        await using SqliteStore store = Open(silo);
        long epoch = await store.AcquireAsync("acme", CancellationToken.None);
        return (await store.ReadHeadAsync("acme", CancellationToken.None), epoch);
    }

    // A group of one event, well formed and chained, that no silo would have written.
    private static async Task<JournalHead> AppendAsync(TestSilo silo, Func<LedgerEvent, LedgerEvent> next)
    {
        await using SqliteStore store = Open(silo);
        long epoch = await store.AcquireAsync("acme", CancellationToken.None);
        JournalHead head = await store.ReadHeadAsync("acme", CancellationToken.None);
        IReadOnlyList<StoredGroup> last =
            await store.ReadGroupsAsync("acme", head.LastEvent, int.MaxValue, CancellationToken.None);
        byte[] bytes = next(LedgerEvent.Parser.ParseFrom(last[^1].ReadEvents("acme")[^1].Span)).ToByteArray();
        using JournalGroup group = new("acme");
        bytes.CopyTo(group.AddEvent(bytes.Length));
        group.Seal(head, epoch);
        Completion completion = new();
        store.BeginAppend(group, completion);
        Assert.Equal(AppendOutcome.Appended, await completion.Outcome.WaitAsync(TestSilo.Patience));
        return group.Head;
    }

    private sealed class Completion : IAppendCompletion
    {
        private readonly TaskCompletionSource<AppendOutcome> _outcome =
            new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task<AppendOutcome> Outcome => _outcome.Task;

        public void AppendCompleted(AppendOutcome outcome) => _outcome.SetResult(outcome);
    }
}
