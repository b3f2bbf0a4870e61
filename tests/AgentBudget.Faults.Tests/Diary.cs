using System.Text.Json;

namespace AgentBudget.Faults.Tests;

/// <summary>What a client is about to ask.</summary>
/// <param name="Kind">ReserveTokens, CommitTokens or ReleaseTokens.</param>
/// <param name="RequestId">Its idempotency key.</param>
/// <param name="Client">Who asks; each has a session of its own.</param>
/// <param name="Reservation">Of a commit or release.</param>
/// <param name="InputTokens">Estimated or used.</param>
/// <param name="OutputTokens">Estimated or used.</param>
internal sealed record Intent(
    string Kind, string RequestId, int Client, string Reservation, long InputTokens, long OutputTokens);

/// <summary>What was answered to an intent.</summary>
internal sealed record Result(string RequestId, string Reservation, long CostNanos, long OverrunNanos);

/// <summary>
/// Two files that are only appended to: what was going to be asked, written before the call, and what was answered,
/// written after it. The verdict is reached from them and from the silo's public API.
/// </summary>
internal sealed class Diary : IDisposable
{
    private readonly Lock _lock = new();
    private readonly string _intentsPath;
    private readonly string _resultsPath;
    private readonly StreamWriter _intents;
    private readonly StreamWriter _results;

    public Diary(string folder)
    {
        _intentsPath = Path.Combine(folder, "intents.jsonl");
        _resultsPath = Path.Combine(folder, "results.jsonl");
        _intents = new StreamWriter(_intentsPath, append: true) { AutoFlush = true };
        _results = new StreamWriter(_resultsPath, append: true) { AutoFlush = true };
    }

    public void Write(Intent intent)
    {
        lock (_lock) _intents.WriteLine(JsonSerializer.Serialize(intent));
    }

    public void Write(Result result)
    {
        lock (_lock) _results.WriteLine(JsonSerializer.Serialize(result));
    }

    public List<Intent> ReadIntents() => Read<Intent>(_intentsPath);

    public List<Result> ReadResults() => Read<Result>(_resultsPath);

    public void Dispose()
    {
        _intents.Dispose();
        _results.Dispose();
    }

    private List<TLine> Read<TLine>(string path)
    {
        lock (_lock)
        {
            using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
            using var reader = new StreamReader(stream);
            var lines = new List<TLine>();
            while (reader.ReadLine() is { } line) lines.Add(JsonSerializer.Deserialize<TLine>(line)!);
            return lines;
        }
    }
}
