using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using AgentBudget.Cli.Commands;
using AgentBudget.Cli.Output;
using AgentBudget.Client;
using AgentBudget.Protocol.V1;
using Google.Protobuf.WellKnownTypes;

namespace AgentBudget.Cli.Bench;

/// <summary>
/// Measures the service from here, as a gateway would use it: holds and releases in a session of its own, so that
/// nothing is spent.
/// </summary>
internal static class BenchCommand
{
    private const int CallsAtOnceMax = 4_096; // As many as a session may have waiting.
    private const int SecondsMax = 600;
    private static readonly TimeSpan HoldTtl = TimeSpan.FromMinutes(1);

    public static Command Make(CliHost host)
    {
        Option<string?> agent =
            Arguments.Filter("--agent", "Whose session. Default: the credential's own agent.", "AGENT");
        Option<string> useCase = new("--use-case")
        {
            Description = "What for; one that the agent may work for.",
            HelpName = "USE-CASE",
            Required = true,
        };
        Option<string> model = new("--model")
        {
            Description = "The model that is asked for; one of the agent's.",
            HelpName = "MODEL",
            Required = true,
        };
        Option<int> seconds = Bounded("--seconds", "How long it measures.", "SECONDS", 5, SecondsMax);
        Option<int> atOnce = Bounded("--at-once", "Calls that are under way at once.", "COUNT", 100, CallsAtOnceMax);
        Option<string[]> tags = new("--tag")
        {
            Description = "A business tag of the session. May be repeated.",
            HelpName = "NAME=VALUE",
        };
        return host.Handle(
            new Command(
                "bench",
                "Measures the service from here: holds one token of input and one of output and releases them, again "
                + "and again, in a session of its own. Nothing is spent; each hold and each release is an event of the "
                + "ledger. It ends early, with exit code 1, when a call is refused or fails: the ceilings of the "
                + "agent's sessions count these calls too.")
            {
                agent, useCase, model, seconds, atOnce, tags,
            },
            async call =>
            {
                OpenSessionRequest request = new()
                {
                    Agent = Arguments.Named("agents", call.Get(agent) ?? ""),
                    UseCase = Arguments.Named("useCases", call.Get(useCase)!),
                    Unattended = true,
                    Task = "bench",
                };
                foreach ((string name, string value) in Arguments.PairsOf("--tag", call.Get(tags) ?? []))
                    request.Tags[name] = value;
                await using BudgetSession session =
                    await call.Client.StartSessionAsync(request, call.Cancellation);
                BenchRun run = new(call.Client, session, call.Get(model)!);
                await run.MeasureAsync(
                    TimeSpan.FromSeconds(call.Get(seconds)), call.Get(atOnce), call.Output, call.Cancellation);
                await session.EndAsync(new Outcome { Status = Outcome.Types.Status.Success });
                call.Output.Write(run.ToGrid());
                return run.Failed + run.Refused == 0 ? ExitCodes.Ok : ExitCodes.Failed;
            });
    }

    private static Option<int> Bounded(
        string name, string description, string helpName, int usual, int most) => new(name)
        {
            Description = description,
            HelpName = helpName,
            DefaultValueFactory = _ => usual,
            Validators =
        {
            result =>
            {
                if (result.GetValueOrDefault<int>() is var value && (value < 1 || value > most))
                    result.AddError($"{name} must be 1 to {most}.");
            },
        },
        };

    /// <summary>One measurement.</summary>
    private sealed class BenchRun(AgentBudgetClient client, BudgetSession session, string model)
    {
        private readonly Lock _lock = new();
        private readonly List<double> _holdMillis = [];
        private readonly List<double> _releaseMillis = [];
        private TimeSpan _took;
        private string _fault = "";

        public long Refused { get; private set; }

        public long Failed { get; private set; }

        public async Task MeasureAsync(
            TimeSpan time, int atOnce, CliOutput output, CancellationToken cancellation)
        {
            // What is compiled and connected first is not measured.
            await Task.WhenAll(Enumerable.Range(0, atOnce).Select(_ => RoundAsync(isMeasured: false)));
            long start = Stopwatch.GetTimestamp();
            await Task.WhenAll(Enumerable.Range(0, atOnce).Select(_ => RoundsAsync()));
            _took = Stopwatch.GetElapsedTime(start);
            if (_fault.Length > 0) output.Say(_fault);

            async Task RoundsAsync()
            {
                // Who is refused has nothing more to measure.
                while (!cancellation.IsCancellationRequested && _fault.Length == 0
                    && Stopwatch.GetElapsedTime(start) < time)
                {
                    await RoundAsync(isMeasured: true);
                }
            }
        }

        public Grid ToGrid()
        {
            Grid grid = new(
                "calls",
                new GridColumn("calls/s", IsNumber: true),
                new GridColumn("p50 ms", IsNumber: true),
                new GridColumn("p99 ms", IsNumber: true),
                new GridColumn("refused", IsNumber: true, IsOptional: true),
                new GridColumn("failed", IsNumber: true, IsOptional: true));
            Add(grid, "hold", _holdMillis);
            Add(grid, "release", _releaseMillis);
            return grid;
        }

        private void Add(Grid grid, string name, List<double> millis)
        {
            millis.Sort();
            bool isHold = ReferenceEquals(millis, _holdMillis);
            grid.Add(
                name,
                (long)(millis.Count / _took.TotalSeconds),
                Of(millis, 0.5),
                Of(millis, 0.99),
                isHold ? Refused : 0,
                isHold ? Failed : 0);
        }

        private static string Of(List<double> sorted, double share) => sorted.Count == 0
            ? ""
            : sorted[(int)(share * (sorted.Count - 1))].ToString("0.00", CultureInfo.InvariantCulture);

        private async Task RoundAsync(bool isMeasured)
        {
            try
            {
                long start = Stopwatch.GetTimestamp();
                ReserveTokensResponse held = await client.ReserveAsync(new ReserveTokensRequest
                {
                    SessionToken = session.Token,
                    Model = model,
                    Estimate = new TokenEstimate { InputTokens = 1, MaxOutputTokens = 1 },
                    Ttl = Duration.FromTimeSpan(HoldTtl),
                });
                TimeSpan hold = Stopwatch.GetElapsedTime(start);
                if (held.Reservation is null)
                {
                    Note(held.Denial.Message, isRefusal: true);
                    return;
                }

                start = Stopwatch.GetTimestamp();
                await client.ReleaseAsync(new ReleaseTokensRequest
                {
                    SessionToken = session.Token,
                    ReservationId = held.Reservation.ReservationId,
                });
                if (isMeasured) Add(hold, Stopwatch.GetElapsedTime(start));
            }
            catch (AgentBudgetException fault)
            {
                Note(fault.Message, isRefusal: false);
            }
        }

        private void Add(TimeSpan hold, TimeSpan release)
        {
            lock (_lock)
            {
                _holdMillis.Add(hold.TotalMilliseconds);
                _releaseMillis.Add(release.TotalMilliseconds);
            }
        }

        private void Note(string fault, bool isRefusal)
        {
            lock (_lock)
            {
                if (_fault.Length == 0) _fault = fault;
                if (isRefusal) Refused++;
                else Failed++;
            }
        }
    }
}
