using System.Buffers;
using System.Diagnostics;
using System.IO.Pipelines;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using AgentBudget.Gateway.Options;

namespace AgentBudget.Gateway.Mcp;

/// <summary>One program with its streams.</summary>
internal sealed class StdioSession : IDisposable
{
    private const int LineBytesMax = 16 * 1024 * 1024;

    // A program gets what it needs to run, and no key of the gateway's.
    private static readonly string[] Passed = ["PATH", "HOME", "LANG", "TMPDIR"];

    private readonly Process _process;
    private readonly TimeProvider _time;
    private readonly SemaphoreSlim _writing = new(1);
    private readonly Lock _lock = new();
    private readonly Dictionary<string, PipeWriter> _asked = new(StringComparer.Ordinal);
    private PipeWriter? _listener;
    private long _lastUse;

    public StdioSession(McpModel model, string agent, TimeProvider time)
    {
        Agent = agent;
        _time = time;
        _lastUse = time.GetTimestamp();
        ProcessStartInfo start = new(model.Command[0])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (string word in model.Command.Skip(1)) start.ArgumentList.Add(word);
        Dictionary<string, string?> environment = new(start.Environment);
        start.Environment.Clear();
        foreach (string name in Passed.Concat(model.PassEnv))
        {
            if (environment.TryGetValue(name, out string? value)) start.Environment[name] = value;
        }

        _process = Process.Start(start) ?? throw new InvalidOperationException($"{model.Command[0]} did not start.");
        _process.ErrorDataReceived += static (_, _) => { }; // It may hold anything, so it goes nowhere.
        _process.BeginErrorReadLine();
        _ = ReadAsync();
    }

    public string Id { get; } = Guid.CreateVersion7().ToString("N");

    /// <summary>Whose it is: tenant and agent.</summary>
    public string Agent { get; }

    /// <summary>Told when the program has ended by itself.</summary>
    public Action? Ended { get; set; }

    public bool IsIdle(TimeSpan idle)
    {
        lock (_lock) return _asked.Count == 0 && _time.GetElapsedTime(_lastUse) > idle;
    }

    /// <summary>The events of a request, up to its answer.</summary>
    /// <param name="id">The request.</param>
    /// <param name="leave">To be told when nobody waits for the answer any more.</param>
    public Stream Ask(string id, out Action leave)
    {
        Pipe pipe = new();
        lock (_lock)
        {
            _lastUse = _time.GetTimestamp();
            if (!_asked.TryAdd(id, pipe.Writer))
                throw new HttpRequestException(
                    HttpRequestError.ConnectionError, $"The request {id} is being answered already.");
        }

        leave = () => Leave(id, pipe.Writer);
        return pipe.Reader.AsStream();
    }

    /// <summary>What the program says by itself; the last listener gets it.</summary>
    public Stream Listen()
    {
        Pipe pipe = new();
        PipeWriter? before;
        lock (_lock) (before, _listener) = (_listener, pipe.Writer);
        before?.Complete();
        return pipe.Reader.AsStream();
    }

    public async Task WriteAsync(string line, CancellationToken cancellation)
    {
        await _writing.WaitAsync(cancellation);
        try
        {
            await _process.StandardInput.WriteAsync($"{line}\n".AsMemory(), CancellationToken.None);
            await _process.StandardInput.FlushAsync(CancellationToken.None);
        }
        finally
        {
            _writing.Release();
        }
    }

    public void Dispose()
    {
        PipeWriter[] open;
        lock (_lock)
        {
            open = [.. _asked.Values, .. _listener is null ? (PipeWriter[])[] : [_listener]];
            _asked.Clear();
            _listener = null;
        }

        foreach (PipeWriter writer in open) writer.Complete(new IOException("The program has ended."));
        try
        {
            _process.Kill(entireProcessTree: true);
        }
        catch (InvalidOperationException)
        {
            // It has ended by itself.
        }

        _process.Dispose();
        _writing.Dispose();
    }

    private void Leave(string id, PipeWriter writer)
    {
        lock (_lock)
        {
            if (_asked.GetValueOrDefault(id) != writer) return;
            _asked.Remove(id);
            _lastUse = _time.GetTimestamp();
        }
    }

    // A program whose line does not end is ended before the line fills the memory.
    private async Task ReadAsync()
    {
        try
        {
            var reader = PipeReader.Create(_process.StandardOutput.BaseStream);
            while (true)
            {
                ReadResult read = await reader.ReadAsync();
                ReadOnlySequence<byte> rest = read.Buffer;
                while (rest.PositionOf((byte)'\n') is { } end)
                {
                    await PassAsync(Encoding.UTF8.GetString(rest.Slice(0, end)).TrimEnd('\r'));
                    rest = rest.Slice(rest.GetPosition(1, end));
                }

                reader.AdvanceTo(rest.Start, rest.End);
                if (read.IsCompleted || rest.Length > LineBytesMax) break;
            }
        }
        catch (Exception fault) when (fault is IOException or InvalidOperationException)
        {
            // It was ended.
        }

        Ended?.Invoke();
    }

    private async Task PassAsync(string line)
    {
        if (line.Length == 0) return;
        string? answered = AnsweredBy(line);
        PipeWriter? to;
        lock (_lock)
        {
            // What belongs to no request goes to who listens, else to any request that is open; an answer that nobody
            // waits for goes nowhere.
            to = answered is null ? _listener ?? _asked.Values.FirstOrDefault() : _asked.GetValueOrDefault(answered);
            if (answered is not null) _asked.Remove(answered);
        }

        if (to is null) return;
        FlushResult flushed = await to.WriteAsync(Encoding.UTF8.GetBytes($"event: message\ndata: {line}\n\n"));
        if (answered is not null) await to.CompleteAsync();
        else if (flushed.IsCompleted) Forget(to);
    }

    private void Forget(PipeWriter reader)
    {
        lock (_lock)
        {
            if (_listener == reader) _listener = null;
        }
    }

    // The id of the request that a message answers; null for one that answers none.
    private static string? AnsweredBy(string line)
    {
        try
        {
            JsonNode? message = JsonNode.Parse(line);
            return message is JsonObject answer && answer["method"] is null ? answer["id"]?.ToJsonString() : null;
        }
        catch (JsonException)
        {
            return null; // Not a message; the client sees it and complains.
        }
    }
}
