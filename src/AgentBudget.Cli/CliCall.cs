using System.CommandLine;
using System.Runtime.InteropServices;
using AgentBudget.Cli.Connecting;
using AgentBudget.Cli.Output;
using AgentBudget.Client;
using Google.Protobuf;
using Grpc.Core;

namespace AgentBudget.Cli;

/// <summary>One run of a command: its arguments, its output, and the service that it calls.</summary>
internal sealed class CliCall : IAsyncDisposable
{
    private const int PageSize = 1_000; // The most that the service gives.

    private readonly GlobalOptions _options;
    private readonly CancellationTokenSource _cancellation = new();
    private readonly PosixSignalRegistration _interrupt;
    private readonly PosixSignalRegistration _terminate;
    private AgentBudgetClient? _client;
    private bool _isInterruptedOnce;

    public CliCall(GlobalOptions options, ParseResult parsed, CliOutput output)
    {
        _options = options;
        Parsed = parsed;
        Output = output;
        _interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Interrupt);
        _terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Interrupt);
    }

    public ParseResult Parsed { get; }

    public CliOutput Output { get; }

    public GlobalOptions Options => _options;

    /// <summary>Ends with the first Ctrl+C; a second one ends the process.</summary>
    public CancellationToken Cancellation => _cancellation.Token;

    /// <summary>Signals go to somebody else: a command that passes them on.</summary>
    public bool PassesSignals { get; set; }

    public AgentBudgetClient Client => _client ??= Connection.Open(_options, Parsed);

    public T? Get<T>(Option<T> option) => Parsed.GetValue(option);

    public T Get<T>(Argument<T> argument) => Parsed.GetRequiredValue(argument);

    public Task<TResponse> CallAsync<TRequest, TResponse>(
        Func<TRequest, CallOptions, AsyncUnaryCall<TResponse>> method, TRequest request, TimeSpan? timeout = null)
        where TRequest : class, IMessage<TRequest>
        where TResponse : class =>
        Client.CallAsync(method, request, Cancellation, timeout);

    /// <summary>All pages of a list, up to a bound.</summary>
    public static async Task<List<TItem>> PagesAsync<TResponse, TItem>(
        Func<int, string, Task<TResponse>> page,
        Func<TResponse, (IEnumerable<TItem> Items, string Next)> read,
        int itemsMax)
    {
        List<TItem> items = [];
        string next = "";
        do
        {
            (IEnumerable<TItem> more, next) =
                read(await page(Math.Min(PageSize, itemsMax - items.Count), next));
            items.AddRange(more);
        }
        while (next.Length > 0 && items.Count < itemsMax);
        return items;
    }

    public async ValueTask DisposeAsync()
    {
        _interrupt.Dispose();
        _terminate.Dispose();
        if (_client is not null) await _client.DisposeAsync();
        _cancellation.Dispose();
    }

    private void Interrupt(PosixSignalContext context)
    {
        if (PassesSignals)
        {
            context.Cancel = true;
            return;
        }

        if (_isInterruptedOnce) return; // The default: the process ends.
        _isInterruptedOnce = true;
        context.Cancel = true;
        _cancellation.Cancel();
    }
}
