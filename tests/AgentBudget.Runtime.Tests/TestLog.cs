using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace AgentBudget.Runtime.Tests;

/// <summary>
/// Keeps what is logged, and lets a test wait for it: for the next entry of one id, however many threads log meanwhile.
/// The package's collector gives all entries to one reader.
/// </summary>
internal sealed class TestLog : ILoggerFactory, ILogger
{
    private readonly ConcurrentQueue<(LogLevel Level, int Id, string Text)> _entries = new();
    private readonly ConcurrentDictionary<int, SemaphoreSlim> _signals = new();
    private readonly HashSet<int> _expected = [];

    /// <summary>An error with this id is what the test wants.</summary>
    public void Expect(params int[] ids) => _expected.UnionWith(ids);

    public int Count(int id) => _entries.Count(entry => entry.Id == id);

    public string TextOf(int id) => _entries.First(entry => entry.Id == id).Text;

    /// <summary>Waits for the next entry with this id that no earlier call has waited for.</summary>
    public async Task SeenAsync(int id)
    {
        SemaphoreSlim signal = _signals.GetOrAdd(id, static _ => new SemaphoreSlim(0));
        if (!await signal.WaitAsync(Fixture.Patience)) throw new TimeoutException($"nothing was logged with id {id}");
    }

    public void AssertNoUnexpectedError() => Assert.Empty(_entries
        .Where(entry => entry.Level >= LogLevel.Error && !_expected.Contains(entry.Id)).Select(entry => entry.Text));

    public ILogger CreateLogger(string categoryName) => this;

    public void AddProvider(ILoggerProvider provider) => throw new NotSupportedException();

    public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(
        LogLevel logLevel,
        EventId eventId,
        TState state,
        Exception? exception,
        Func<TState, Exception?, string> formatter)
    {
        _entries.Enqueue((logLevel, eventId.Id, $"{formatter(state, exception)} {exception}"));
        _signals.GetOrAdd(eventId.Id, static _ => new SemaphoreSlim(0)).Release();
    }

    public void Dispose()
    {
    }
}
