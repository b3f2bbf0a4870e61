using System.CommandLine;
using AgentBudget.Cli.Output;
using AgentBudget.Client;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Cli.Top;

/// <summary><c>agentbudget top</c>: burn, budgets and sessions over the whole terminal, as they are now.</summary>
internal static class TopCommand
{
    private static readonly TimeSpan Pace = TimeSpan.FromMilliseconds(250); // Four renders a second are read as one.
    private static readonly TimeSpan ReadPace = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan KeyPace = TimeSpan.FromMilliseconds(40);

    public static Command Make(CliHost host) => host.Handle(
        new Command(
            "top",
            "Shows burn rate, budgets and open sessions live, over the whole terminal. Up and down choose a session, k "
            + "revokes it after a reason was typed, q or Ctrl+C ends."
            + "\n\n  agentbudget top"),
        RunAsync);

    private static async Task<int> RunAsync(CliCall call)
    {
        if (Console.IsOutputRedirected || Console.IsInputRedirected)
        {
            throw CliException.Usage(
                "top needs a terminal. Elsewhere use budgets show, sessions list and spend tail.");
        }

        TopModel model = new(TimeProvider.System);
        await model.LoadAsync(call);
        using CancellationTokenSource ended = CancellationTokenSource.CreateLinkedTokenSource(call.Cancellation);
        Task following = FollowAsync(call, model, ended.Token);
        TopScreen.Enter();
        try
        {
            await ShowAsync(call, model, ended.Token);
        }
        catch (OperationCanceledException)
        {
            // Ctrl+C is how it ends.
        }
        finally
        {
            TopScreen.Leave();
            await ended.CancelAsync();
            await following.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        return ExitCodes.Ok;
    }

    // Keys are looked for often, the screen is drawn where something changed, balances are read once a second.
    private static async Task ShowAsync(CliCall call, TopModel model, CancellationToken stopping)
    {
        long drawn = 0;
        long read = model.Time.GetTimestamp();
        while (!stopping.IsCancellationRequested)
        {
            bool isTouched = false;
            while (Console.KeyAvailable)
            {
                if (!await PressAsync(call, model, Console.ReadKey(intercept: true))) return;
                isTouched = true;
            }

            if (model.IsStale && model.Time.GetElapsedTime(read) > ReadPace)
            {
                read = model.Time.GetTimestamp();
                await model.ReadAsync(call);
            }

            if (isTouched || drawn == 0 || model.Time.GetElapsedTime(drawn) > Pace)
            {
                drawn = model.Time.GetTimestamp();
                TopScreen.Draw(model.Lines(Console.WindowWidth, Console.WindowHeight));
            }

            await Task.Delay(KeyPace, model.Time, stopping);
        }
    }

    private static async Task<bool> PressAsync(CliCall call, TopModel model, ConsoleKeyInfo key)
    {
        if (model.Reason is { } reason)
        {
            await TypeAsync(call, model, reason, key);
            return true;
        }

        switch (key.Key)
        {
            case ConsoleKey.Q or ConsoleKey.Escape:
                return false;
            case ConsoleKey.UpArrow:
                model.Choose(-1);
                break;
            case ConsoleKey.DownArrow:
                model.Choose(1);
                break;
            case ConsoleKey.K when model.Chosen is not null:
                model.Reason = "";
                break;
            default:
                break; // Says nothing here.
        }

        return true;
    }

    private static async Task TypeAsync(CliCall call, TopModel model, string reason, ConsoleKeyInfo key)
    {
        const int reasonMax = 256; // What the ledger keeps.
        if (key.Key == ConsoleKey.Escape)
        {
            model.Reason = null;
        }
        else if (key.Key == ConsoleKey.Backspace)
        {
            model.Reason = reason.Length > 0 ? reason[..^1] : "";
        }
        else if (key.Key == ConsoleKey.Enter && reason.Trim().Length > 0)
        {
            model.Reason = null;
            await KillAsync(call, model, reason.Trim());
        }
        else if (!char.IsControl(key.KeyChar) && reason.Length < reasonMax)
        {
            model.Reason = reason + key.KeyChar;
        }
    }

    private static async Task KillAsync(CliCall call, TopModel model, string reason)
    {
        if (model.Chosen is not { } session) return;
        try
        {
            await call.CallAsync(
                call.Client.Sessions.RevokeSessionAsync,
                new RevokeSessionRequest { Session = session.Session_, Reason = reason });
            model.Note = $"{session.Session_} is revoked.";
            await model.ReadAsync(call);
        }
        catch (AgentBudgetException fault)
        {
            model.Note = Texts.Safe(fault.Message);
        }
    }

    private static async Task FollowAsync(CliCall call, TopModel model, CancellationToken stopping)
    {
        WatchSpendRequest request = new() { Filter = new SpendFilter() };
        try
        {
            await foreach (WatchSpendResponse message in call.Client.WatchSpendAsync(request, stopping))
                if (message.Event is { } told) model.Add(told);
        }
        catch (AgentBudgetException fault)
        {
            model.Note = Texts.Safe(fault.Message);
        }
    }
}
