using System.CommandLine;
using AgentBudget.Cli.Connecting;
using AgentBudget.Cli.Output;
using AgentBudget.Client;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Cli.Run;

/// <summary>Runs a program in a session of its own.</summary>
internal static class RunCommand
{
    public static Command Make(CliHost host)
    {
        RunArguments arguments = new();
        return host.Handle(arguments.AddTo(new Command(
            "run",
            "Runs a command on a budget: opens a session, gives the command the gateway as its provider and the "
            + "session's token as its key, and ends the session with it. Signals go on to the command; its exit code "
            + "is ours. What it leaves running is not touched, and can spend no more."
            + "\n\nIts environment: OPENAI_BASE_URL and OPENAI_API_KEY, ANTHROPIC_BASE_URL and ANTHROPIC_AUTH_TOKEN, "
            + "GOOGLE_GEMINI_BASE_URL and GEMINI_API_KEY, AGENTBUDGET_MCP_URL, AGENTBUDGET_SESSION, "
            + "AGENTBUDGET_SESSION_TOKEN, and AGENTBUDGET_SESSION_TOKEN_FILE, which always has the present token. "
            + "Keys of providers and our own credential are withheld."
            + "\n\n  agentbudget run --agent promo-writer --use-case trade-promo --budget 2 -- claude -p 'draft it'")),
            call => RunAsync(call, arguments));
    }

    private static async Task<int> RunAsync(CliCall call, RunArguments arguments)
    {
        call.PassesSignals = true;
        string[] command = arguments.CommandOf(call);
        Uri gateway = arguments.GatewayOf(call);
        OpenSessionRequest request = arguments.RequestOf(call);
        BudgetSession session;
        try
        {
            session = await call.Client.StartSessionAsync(request, call.Cancellation);
        }
        catch (AgentBudgetException fault)
        {
            CliHost.Tell(call.Output, fault);
            call.Output.Say($"{command[0]} was not started.");
            return ExitCodes.RunFailed;
        }

        await using (session)
        {
            using TokenFile file = new(session);
            using ChildProcess child = new(
                command[0],
                command[1..],
                variables => ChildEnvironment.Fill(
                    variables, gateway, ServerOf(call), session.Name, session.Token, file.Name));
            call.Output.Say($"{session.Name} is open until {Texts.Time(session.Session.ExpireTime)}.");
            if (child.Start() is { } fault)
            {
                call.Output.Say(fault.Sentence);
                await EndAsync(call, session, isSuccess: false);
                return fault.ExitCode;
            }

            using CancellationTokenSource isOver = new();
            Task watching = WatchAsync(call, session, child, call.Get(arguments.Stop), isOver.Token);
            int exitCode = await child.EndAsync();
            await isOver.CancelAsync();
            await watching;
            await EndAsync(call, session, isSuccess: exitCode == ExitCodes.Ok);
            return exitCode;
        }
    }

    private static string ServerOf(CliCall call) => Connection.ServerOf(
        call.Options, call.Parsed, Connection.ProfileOf(call.Options, call.Parsed));

    // Tells when somebody else ends the session: the command goes on, and spends no more.
    private static async Task WatchAsync(
        CliCall call, BudgetSession session, ChildProcess child, bool stops, CancellationToken isOver)
    {
        Session.Types.State last = Session.Types.State.Open;
        try
        {
            await foreach (WatchSessionResponse told in call.Client.WatchSessionAsync(
                new WatchSessionRequest { SessionToken = session.Token }, isOver))
            {
                if (told.Session.State == last) continue;
                last = told.Session.State;
                string reason = told.Session.Reason.Length > 0 ? $": {told.Session.Reason}" : "";
                call.Output.Say($"{session.Name} is {Texts.Name(last)}{reason}.");
            }

            if (stops) child.Terminate();
        }
        catch (OperationCanceledException) when (isOver.IsCancellationRequested)
        {
            // The command is over.
        }
        catch (AgentBudgetException fault)
        {
            call.Output.Say($"{session.Name} is not watched any more: {fault.Message}");
        }
    }

    private static async Task EndAsync(CliCall call, BudgetSession session, bool isSuccess)
    {
        try
        {
            GetBalanceResponse left =
                await call.Client.GetBalanceAsync(new GetBalanceRequest { SessionToken = session.Token });
            Session ended = await session.EndAsync(new Outcome
            {
                Status = isSuccess ? Outcome.Types.Status.Success : Outcome.Types.Status.Failure,
            });
            string spent = Texts.Money(ended.Settled?.Cost ?? new Money()).Text;
            call.Output.Say($"{session.Name} spent {spent}. {LeftOf(left)}");
        }
        catch (AgentBudgetException fault) when (fault.Reason == "SESSION_NOT_OPEN")
        {
            call.Output.Say($"{session.Name} was over before its command.");
        }
        catch (AgentBudgetException fault)
        {
            call.Output.Say(
                $"{session.Name} could not be ended, and expires at {Texts.Time(session.Session.ExpireTime)}: "
                + fault.Message);
        }
    }

    private static string LeftOf(GetBalanceResponse balance)
    {
        string[] left =
        [
            .. balance.Grains.Where(grain => grain.Available is not null)
                .Select(grain => $"{Texts.Money(grain.Available).Text} of {grain.Grain}"),
        ];
        return left.Length == 0 ? "Nothing limits it." : $"Left: {string.Join(", ", left)}.";
    }
}
