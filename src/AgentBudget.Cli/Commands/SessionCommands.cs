using System.CommandLine;
using System.Globalization;
using AgentBudget.Cli.Output;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Cli.Commands;

/// <summary>Sessions: one task of one agent each.</summary>
internal static class SessionCommands
{
    private const int SessionsOfATreeMax = 100_000;

    public static Command Make(CliHost host) => new("sessions", "Lists, shows, stops and ends sessions.")
    {
        List(host),
        Show(host),
        Tree(host),
        End(host),
        Act(
            host,
            "revoke",
            "Ends a session, with all below it, because its token must stop working now.",
            async (call, session, reason) => (await call.CallAsync(
                call.Client.Sessions.RevokeSessionAsync,
                new RevokeSessionRequest { Session = session, Reason = reason })).Session),
        Act(
            host,
            "suspend",
            "Stops a session, with all below it, from spending until it is resumed.",
            async (call, session, reason) => (await call.CallAsync(
                call.Client.Sessions.SuspendSessionAsync,
                new SuspendSessionRequest { Session = session, Reason = reason })).Session),
        Act(
            host,
            "resume",
            "Lets a suspended session spend again.",
            async (call, session, reason) => (await call.CallAsync(
                call.Client.Sessions.ResumeSessionAsync,
                new ResumeSessionRequest { Session = session, Reason = reason })).Session),
    };

    /// <summary>Lines of a tree: each session under the one that opened it, the oldest first.</summary>
    internal static IEnumerable<(Session Session, string Indent)> TreeOf(
        IReadOnlyCollection<Session> sessions, string root)
    {
        ILookup<string, Session> below = sessions.OrderBy(session => session.OpenTime.ToDateTimeOffset())
            .ToLookup(session => session.Parent);
        Stack<(Session Session, string Indent)> open = new();
        foreach (Session first in sessions.Where(session => session.Session_ == root)) open.Push((first, ""));
        while (open.TryPop(out (Session Session, string Indent) next))
        {
            yield return next;
            foreach (Session child in below[next.Session.Session_].Reverse()) open.Push((child, next.Indent + "  "));
        }
    }

    private static Command List(CliHost host)
    {
        Option<string?> agent = Arguments.Filter("--agent", "Only this agent's.", "AGENT");
        Option<string?> useCase = Arguments.Filter("--use-case", "Only this use case's.", "USE-CASE");
        Option<string?> user = Arguments.Filter("--on-behalf-of", "Only for this user.", "USER");
        Option<string?> state = Arguments.Filter("--state", "Only in this state.", "STATE");
        state.AcceptOnlyFromAmong("open", "suspended", "ended", "expired", "revoked");
        Option<int> limit = Arguments.Limit();
        return host.Handle(
            new Command("list", "Sessions that are open or closed within the last 24 hours, newest first.")
            {
                agent, useCase, user, state, limit,
            },
            async call =>
            {
                List<Session> found = await FindAsync(
                    call,
                    new ListSessionsRequest
                    {
                        Agent = Arguments.Named("agents", call.Get(agent) ?? ""),
                        UseCase = Arguments.Named("useCases", call.Get(useCase) ?? ""),
                        OnBehalfOf = call.Get(user) ?? "",
                        State = StateOf(call.Get(state)),
                    },
                    call.Get(limit));
                Grid grid = GridOf("There are no such sessions.");
                foreach (Session session in found) Add(grid, session, indent: "");
                call.Output.Write(found, grid);
                return ExitCodes.Ok;
            });
    }

    private static Command Show(CliHost host)
    {
        Argument<string> name = NameArgument();
        return host.Handle(
            new Command("show", "One session with all that is known of it, and what is left on its path.") { name },
            async call =>
            {
                string session = Arguments.Named("sessions", call.Get(name));
                GetSessionResponse answer = await call.CallAsync(
                    call.Client.Sessions.GetSessionAsync, new GetSessionRequest { Session = session });
                call.Output.Write(answer.Session, DetailsOf(answer.Session));
                return ExitCodes.Ok;
            });
    }

    private static Command Tree(CliHost host)
    {
        Argument<string> name = NameArgument();
        return host.Handle(
            new Command("tree", "The whole run of a session: its root and everything below it, with what each cost.")
            {
                name,
            },
            async call =>
            {
                string session = Arguments.Named("sessions", call.Get(name));
                Session asked = (await call.CallAsync(
                    call.Client.Sessions.GetSessionAsync, new GetSessionRequest { Session = session })).Session;
                List<Session> all = await FindAsync(call, new ListSessionsRequest(), SessionsOfATreeMax);
                List<Session> run = [.. all.Where(found => found.Run == asked.Run)];
                Grid grid = GridOf("The run has ended more than 24 hours ago.");
                List<Session> ordered = [];
                foreach ((Session found, string indent) in TreeOf(run, asked.Run))
                {
                    ordered.Add(found);
                    Add(grid, found, indent);
                }

                call.Output.Write(ordered, grid);
                return ExitCodes.Ok;
            });
    }

    private static Command End(CliHost host)
    {
        Argument<string> name = NameArgument();
        Option<string?> outcome = new("--outcome") { Description = "How it went." };
        outcome.AcceptOnlyFromAmong("success", "failure");
        Option<string[]> metrics = new("--metric")
        {
            Description = "A result of the task, such as quotesBound=131. May be repeated.",
            HelpName = "NAME=NUMBER",
        };
        Command command = new("end", "Ends a session with how it went.") { name, outcome, metrics };
        return host.Handle(command, async call =>
        {
            EndSessionRequest request = new()
            {
                Session = Arguments.Named("sessions", call.Get(name)),
                Outcome = new Outcome
                {
                    Status = call.Get(outcome) switch
                    {
                        "success" => Outcome.Types.Status.Success,
                        "failure" => Outcome.Types.Status.Failure,
                        _ => Outcome.Types.Status.Unspecified,
                    },
                },
            };
            foreach ((string metric, string text) in Arguments.PairsOf("--metric", call.Get(metrics) ?? []))
            {
                if (!double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double value))
                    throw CliException.Usage($"--metric {metric} must be a number; '{text}' is not.");
                request.Outcome.Metrics[metric] = value;
            }

            EndSessionResponse answer = await call.CallAsync(call.Client.Sessions.EndSessionAsync, request);
            call.Output.Write(answer.Session, DetailsOf(answer.Session));
            return ExitCodes.Ok;
        });
    }

    private static Command Act(
        CliHost host, string name, string description, Func<CliCall, string, string, Task<Session>> act)
    {
        Argument<string> session = NameArgument();
        Option<string> reason = Arguments.Reason("what happened");
        return host.Handle(new Command(name, description) { session, reason }, async call =>
        {
            Session answer = await act(call, Arguments.Named("sessions", call.Get(session)), call.Get(reason)!);
            call.Output.Write(answer, DetailsOf(answer));
            return ExitCodes.Ok;
        });
    }

    private static Argument<string> NameArgument() =>
        new("session") { Description = "The session, such as s17.", HelpName = "SESSION" };

    private static Task<List<Session>> FindAsync(CliCall call, ListSessionsRequest filter, int limit) =>
        CliCall.PagesAsync(
            (size, token) =>
            {
                ListSessionsRequest request = filter.Clone();
                request.PageSize = size;
                request.PageToken = token;
                return call.CallAsync(call.Client.Sessions.ListSessionsAsync, request);
            },
            page => (page.Sessions, page.NextPageToken),
            limit);

    private static Session.Types.State StateOf(string? text) => text switch
    {
        "open" => Session.Types.State.Open,
        "suspended" => Session.Types.State.Suspended,
        "ended" => Session.Types.State.Ended,
        "expired" => Session.Types.State.Expired,
        "revoked" => Session.Types.State.Revoked,
        _ => Session.Types.State.Unspecified,
    };

    private static string ColourOf(Session.Types.State state) => state switch
    {
        Session.Types.State.Open => "green",
        Session.Types.State.Suspended => "yellow",
        Session.Types.State.Revoked or Session.Types.State.Expired => "red",
        Session.Types.State.Ended or Session.Types.State.Unspecified => "grey",
    };

    private static Grid GridOf(string empty) => new(
        "session", "state", "agent", new("use case", IsOptional: true), new("settled", IsNumber: true),
        new("held", IsNumber: true), new("steps", IsNumber: true, IsOptional: true), new("user", IsOptional: true),
        new("opened", IsOptional: true), new("task", IsOptional: true))
    {
        Empty = empty,
    };

    private static void Add(Grid grid, Session session, string indent) => grid.Add(
        new GridCell(indent + session.Session_, Csv: session.Session_),
        new GridCell(Texts.Name(session.State), ColourOf(session.State)),
        session.Agent,
        session.UseCase,
        Texts.Money(session.Settled?.Cost),
        Texts.Money(session.Held?.Cost),
        session.Steps,
        session.OnBehalfOf,
        Texts.Time(session.OpenTime),
        session.Task);

    private static Grid DetailsOf(Session session)
    {
        Grid grid = new("what", "value");
        void Tell(string what, GridCell value)
        {
            if (value.Text.Length > 0) grid.Add(what, value);
        }

        Tell("session", session.Session_);
        Tell("state", new GridCell(Texts.Name(session.State), ColourOf(session.State)));
        Tell("reason", session.Reason);
        Tell("agent", session.Agent);
        Tell("use case", session.UseCase);
        Tell("business unit", session.BusinessUnit);
        Tell("task", session.Task);
        Tell("user", session.Unattended ? "nobody (unattended)" : session.OnBehalfOf);
        Tell("parent", session.Parent);
        Tell("run", session.Run);
        Tell("opened", Texts.Time(session.OpenTime));
        Tell("expires", Texts.Time(session.ExpireTime));
        Tell("ended", Texts.Time(session.EndTime));
        Tell("settled", Texts.Money(session.Settled?.Cost));
        Tell("settled tokens", session.Settled?.Tokens ?? 0);
        Tell("held", Texts.Money(session.Held?.Cost));
        Tell("cost ceiling", Texts.Money(session.Ceilings?.CostPerSession));
        Tell("steps", session.Steps);
        Tell("subagents", session.Subagents);
        Tell("tools", string.Join(' ', session.Tools));
        Tell("models", string.Join(' ', session.Models));
        Tell("tags", string.Join(' ', session.Tags.OrderBy(tag => tag.Key).Select(tag => $"{tag.Key}={tag.Value}")));
        Tell("outcome", session.Outcome is { Status: not Outcome.Types.Status.Unspecified } outcome
            ? Texts.Name(outcome.Status)
            : "");
        return grid;
    }
}
