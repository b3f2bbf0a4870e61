using System.Diagnostics;
using System.Text.Json;

namespace AgentBudget.Faults.Tests;

/// <summary>What a client is about to ask.</summary>
/// <param name="Kind">ReserveTokens, CommitTokens or ReleaseTokens; GetBalance for a read.</param>
/// <param name="RequestId">Its idempotency key; of a read a name for it.</param>
/// <param name="Client">Who asks; each has a session of its own.</param>
/// <param name="Reservation">Of a commit or release.</param>
/// <param name="InputTokens">Estimated or used.</param>
/// <param name="OutputTokens">Estimated or used.</param>
/// <param name="At">When, in ticks of the machine's steady clock; before the call.</param>
internal sealed record Intent(
    string Kind, string RequestId, int Client, string Reservation, long InputTokens, long OutputTokens, long At = 0);

/// <summary>What was answered to an intent that is to change something.</summary>
internal sealed record Result(string RequestId, string Reservation, long CostNanos, long OverrunNanos, long At = 0);

/// <summary>What was answered to a read: the balance of the client's session, and those above it on its path.</summary>
/// <param name="RequestId">The read's name.</param>
/// <param name="Session">The session's grain.</param>
/// <param name="Balances">The whole path's, session first, as the API's JSON.</param>
/// <param name="At">When, behind the answer.</param>
internal sealed record Reading(string RequestId, string Session, string[] Balances, long At = 0);

/// <summary>An intent that its client gave up on without knowing what became of it.</summary>
internal sealed record GivenUp(string RequestId);

/// <summary>
/// Files that are only appended to: what was going to be asked, written before the call, and what was answered, written
/// after it. The verdict is reached from them and from the silo's public API.
/// </summary>
internal sealed class Diary : IDisposable
{
    private readonly DiaryFile<Intent> _intents;
    private readonly DiaryFile<Result> _results;
    private readonly DiaryFile<Reading> _readings;
    private readonly DiaryFile<GivenUp> _givenUp;

    public Diary(string folder)
    {
        _intents = new(Path.Combine(folder, "intents.jsonl"));
        _results = new(Path.Combine(folder, "results.jsonl"));
        _readings = new(Path.Combine(folder, "readings.jsonl"));
        _givenUp = new(Path.Combine(folder, "given-up.jsonl"));
    }

    public void Write(Intent intent) => _intents.Write(intent with { At = Stopwatch.GetTimestamp() });

    public void Write(Result result) => _results.Write(result with { At = Stopwatch.GetTimestamp() });

    public void Write(Reading reading) => _readings.Write(reading with { At = Stopwatch.GetTimestamp() });

    public void Write(GivenUp givenUp) => _givenUp.Write(givenUp);

    public History Read() => new(_intents.Read(), _results.Read(), _readings.Read(), _givenUp.Read());

    public void Dispose()
    {
        _intents.Dispose();
        _results.Dispose();
        _readings.Dispose();
        _givenUp.Dispose();
    }

    /// <summary>One line each.</summary>
    private sealed class DiaryFile<TLine>(string path) : IDisposable
    {
        private readonly Lock _lock = new();
        private readonly StreamWriter _writer = new(path, append: true) { AutoFlush = true };

        public void Write(TLine line)
        {
            string text = JsonSerializer.Serialize(line);
            lock (_lock) _writer.WriteLine(text);
        }

        public List<TLine> Read()
        {
            lock (_lock)
            {
                using FileStream stream = new(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
                using StreamReader reader = new(stream);
                List<TLine> lines = [];
                while (reader.ReadLine() is { } line) lines.Add(JsonSerializer.Deserialize<TLine>(line)!);
                return lines;
            }
        }

        public void Dispose() => _writer.Dispose();
    }
}

/// <summary>Everything that the clients of one run wrote down.</summary>
internal sealed class History(
    IReadOnlyList<Intent> intents,
    IReadOnlyList<Result> results,
    IReadOnlyList<Reading> readings,
    IReadOnlyList<GivenUp> givenUp)
{
    public const string Read = "GetBalanceRequest";

    /// <summary>What was to change something, by its id.</summary>
    public IReadOnlyDictionary<string, Intent> Writes { get; } =
        intents.Where(intent => intent.Kind != Read).ToDictionary(intent => intent.RequestId);

    /// <summary>Reads by their names; of one that was repeated the last attempt counts: the others failed.</summary>
    public IReadOnlyDictionary<string, Intent> Reads { get; } =
        intents.Where(intent => intent.Kind == Read).GroupBy(intent => intent.RequestId)
            .ToDictionary(group => group.Key, group => group.Last());

    public IReadOnlyList<Result> Results { get; } = results;

    public IReadOnlyList<Reading> Readings { get; } = readings;

    /// <summary>Ids of what nobody knows the outcome of.</summary>
    public IReadOnlySet<string> GivenUp { get; } = givenUp.Select(one => one.RequestId).ToHashSet();
}
