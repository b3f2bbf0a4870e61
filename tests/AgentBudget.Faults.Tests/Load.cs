using System.Globalization;
using AgentBudget.Protocol.V1;
using Google.Protobuf.WellKnownTypes;
using Google.Rpc;
using Grpc.Core;

namespace AgentBudget.Faults.Tests;

/// <summary>
/// Clients that reserve, commit, release and read without pause, each in a session of its own. A call whose outcome is
/// not known is repeated with the same id and content until it is, over as many restarts as it takes; or is given up,
/// as a client does that dies.
/// </summary>
internal sealed class Load : IDisposable
{
    private const int OpenPerClientMax = 40;
    private const int ReadsPercent = 20; // So many writes are followed by a read.

    // No hold ends by itself while a run lasts.
    private static readonly Duration HoldTtl = Duration.FromTimeSpan(TimeSpan.FromHours(12));
    private static readonly TimeSpan RetryPause = TimeSpan.FromMilliseconds(10);

    private readonly Lock _lock = new();
    private readonly BudgetClient _client;
    private readonly Diary _diary;
    private readonly int _seed;
    private readonly List<Task> _clients = [];
    private readonly List<(long Count, TaskCompletionSource Reached)> _waits = [];
    private readonly Dictionary<string, TaskCompletionSource> _refusals = [];
    private readonly CancellationTokenSource _stop = new();
    private long _answers;

    public Load(BudgetClient client, Diary diary, int seed)
    {
        _client = client;
        _diary = diary;
        _seed = seed;
    }

    /// <summary>Of a hundred calls whose outcome is not known so many are given up.</summary>
    public int GivenUpPercent { get; init; }

    /// <summary>Session tokens by client.</summary>
    public List<string> Sessions { get; } = [];

    /// <summary>Applies a catalog that nothing of this load reaches the limits of, and opens the sessions.</summary>
    public async Task SetUpAsync(int clients)
    {
        await _client.ApplyCatalogAsync(Catalog);
        for (int i = 0; i < clients; i++)
        {
            var opened = await _client.OpenSessionAsync(new OpenSessionRequest
            {
                RequestId = string.Create(CultureInfo.InvariantCulture, $"open-{i}"),
                Agent = Accounts.Agent,
                UseCase = Accounts.UseCase,
                Unattended = true,
            });
            Sessions.Add(opened.SessionToken);
        }
    }

    public void Start()
    {
        for (int i = 0; i < Sessions.Count; i++)
        {
            int client = i;
            _clients.Add(Task.Run(() => RunAsync(client)));
        }
    }

    /// <summary>Completes when so many more calls are answered; fails with the first client that fails.</summary>
    public async Task AnsweredAsync(int count, TimeSpan patience)
    {
        var reached = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_lock) _waits.Add((_answers + count, reached));
        var first = await Task.WhenAny([reached.Task, Task.Delay(patience), .. _clients]);
        await first;
        if (!reached.Task.IsCompleted)
            throw new TimeoutException($"{count} more answers did not come within {patience.TotalSeconds} s");
    }

    /// <summary>Completes when a client is refused for this reason, as errors.proto names it.</summary>
    public async Task RefusedAsync(string reason, TimeSpan patience)
    {
        try
        {
            await RefusalOf(reason).Task.WaitAsync(patience);
        }
        catch (TimeoutException)
        {
            lock (_lock)
                throw new TimeoutException(
                    $"nobody was refused for {reason}, only for {string.Join(", ", _refusals.Keys)}");
        }
    }

    /// <summary>Starts nothing more and waits until every call that was begun is answered.</summary>
    public async Task StopAsync(TimeSpan patience)
    {
        await _stop.CancelAsync();
        await Task.WhenAll(_clients).WaitAsync(patience);
    }

    /// <summary>Asks once more what was asked, and returns the answer.</summary>
    public async Task<Result> AskAsync(Intent intent) => intent.Kind switch
    {
        nameof(ReserveTokensRequest) => ResultOf(intent, await _client.ReserveAsync(new ReserveTokensRequest
        {
            RequestId = intent.RequestId,
            SessionToken = Sessions[intent.Client],
            Model = Accounts.Model,
            Estimate = new TokenEstimate { InputTokens = intent.InputTokens, MaxOutputTokens = intent.OutputTokens },
            Ttl = HoldTtl,
        })),
        nameof(CommitTokensRequest) => ResultOf(intent, await _client.CommitAsync(new CommitTokensRequest
        {
            RequestId = intent.RequestId,
            SessionToken = Sessions[intent.Client],
            ReservationId = intent.Reservation,
            Usage = new TokenUsage { InputTokens = intent.InputTokens, OutputTokens = intent.OutputTokens },
        })),
        nameof(ReleaseTokensRequest) => ResultOf(intent, await _client.ReleaseAsync(new ReleaseTokensRequest
        {
            RequestId = intent.RequestId,
            SessionToken = Sessions[intent.Client],
            ReservationId = intent.Reservation,
        })),
        _ => throw new ArgumentOutOfRangeException(nameof(intent)),
    };

    public void Dispose() => _stop.Dispose();

    private static Result ResultOf(Intent intent, ReserveTokensResponse answer) => answer.Decision == Decision.Allow
        ? new Result(intent.RequestId, answer.Reservation.ReservationId, Accounts.Nanos(answer.Reservation.Cost), 0)
        : throw new InvalidOperationException($"{intent} was answered {answer}");

    private static Result ResultOf(Intent intent, CommitTokensResponse answer) => new(
        intent.RequestId,
        intent.Reservation,
        Accounts.Nanos(answer.Settled.Cost),
        Accounts.Nanos(answer.Overrun?.Cost));

    private static Result ResultOf(Intent intent, ReleaseTokensResponse answer) =>
        new(intent.RequestId, intent.Reservation, Accounts.Nanos(answer.Released.Cost), 0);

    private async Task RunAsync(int client)
    {
        var random = new Random(HashCode.Combine(client) ^ _seed);
        var open = new List<string>();
        for (int number = 0; !_stop.IsCancellationRequested; number++)
        {
            var intent = Choose(random, client, number, open);
            _diary.Write(intent);
            if (await AskUntilAnsweredAsync(intent, random) is { } result)
            {
                _diary.Write(result);
                if (intent.Kind == nameof(ReserveTokensRequest)) open.Add(result.Reservation);
            }
            else
            {
                _diary.Write(new GivenUp(intent.RequestId));
            }

            if (random.Next(0, 100) < ReadsPercent) _diary.Write(await ReadUntilAnsweredAsync(client, number));
            CountAnswer();
        }
    }

    private static Intent Choose(Random random, int client, int number, List<string> open)
    {
        int chance = random.Next(0, 100);
        // None is a hundred times another: usage that far beyond its hold is disputed, and suspends its session.
        long input = random.Next(100, 5_000), output = random.Next(100, 5_000);
        string id = string.Create(CultureInfo.InvariantCulture, $"c{client}-{number}");
        bool isReserve = open.Count == 0 || (chance < 50 && open.Count < OpenPerClientMax);
        if (isReserve) return new Intent(nameof(ReserveTokensRequest), id, client, "", input, output);
        int index = random.Next(0, open.Count);
        string reservation = open[index];
        open.RemoveAt(index);
        string kind = chance < 85 ? nameof(CommitTokensRequest) : nameof(ReleaseTokensRequest);
        return new Intent(kind, id, client, reservation, input, output);
    }

    // Null when it was given up.
    private async Task<Result?> AskUntilAnsweredAsync(Intent intent, Random random)
    {
        while (true)
        {
            try
            {
                return await AskAsync(intent);
            }
            catch (RpcException exception) when (BudgetClient.IsOutcomeOpen(exception))
            {
                Refused(exception);
                if (random.Next(0, 100) < GivenUpPercent) return null;
                await Task.Delay(RetryPause);
            }
        }
    }

    // A read that failed changed nothing: the one that is answered counts, and is told as begun anew.
    private async Task<Reading> ReadUntilAnsweredAsync(int client, int number)
    {
        string id = string.Create(CultureInfo.InvariantCulture, $"c{client}-read-{number}");
        while (true)
        {
            _diary.Write(new Intent(History.Read, id, client, "", 0, 0));
            try
            {
                GetBalanceResponse answer =
                    await _client.GetBalanceAsync(new GetBalanceRequest { SessionToken = Sessions[client] });
                return new Reading(
                    id, answer.Grains[0].Grain, [.. answer.Grains.Select(balance => balance.ToString())]);
            }
            catch (RpcException exception) when (BudgetClient.IsOutcomeOpen(exception))
            {
                Refused(exception);
                await Task.Delay(RetryPause);
            }
        }
    }

    private void Refused(RpcException exception) =>
        RefusalOf(exception.GetRpcStatus()?.GetDetail<ErrorInfo>()?.Reason ?? exception.Message).TrySetResult();

    private TaskCompletionSource RefusalOf(string reason)
    {
        lock (_lock)
        {
            if (!_refusals.TryGetValue(reason, out var refusal))
            {
                refusal = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                _refusals.Add(reason, refusal);
            }
            return refusal;
        }
    }

    private void CountAnswer()
    {
        lock (_lock)
        {
            _answers++;
            foreach (var (count, reached) in _waits)
                if (_answers >= count) reached.TrySetResult();
            _waits.RemoveAll(wait => _answers >= wait.Count);
        }
    }

    private const string Catalog = """
        tenant: acme
        currency: USD
        timeZone: UTC
        businessUnits:
          - { id: unit, budget: { limit: 1000000.00, period: none } }
        useCases:
          - { id: case, businessUnit: unit, budget: { limit: 1000000.00, period: none } }
        agents:
          - id: agent
            businessUnit: unit
            useCases: [case]
            models: [model]
            budget: { limit: 1000000.00, period: none }
            ceilings: { costPerSession: 100000.00, sessionTtl: 12h, sessionLifetime: 24h }
        prices:
          - { model: model, provider: any, effectiveFrom: 2026-01-01, rates: { input: 1.00, output: 5.00 } }
        """;
}
