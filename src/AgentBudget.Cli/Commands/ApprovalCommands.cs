using System.CommandLine;
using AgentBudget.Cli.Output;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Cli.Commands;

/// <summary>Requests for more than a budget has: asked, listed, answered.</summary>
internal static class ApprovalCommands
{
    public static Command Make(CliHost host) => new("approvals", "Asks for more than a budget has, and answers.")
    {
        List(host),
        Request(host),
        Watch(host),
        Approve(host),
        Refuse(host),
    };

    private static Command List(CliHost host)
    {
        Option<string?> state = Arguments.Filter("--state", "Only those that stand so.", "STATE");
        state.AcceptOnlyFromAmong("pending", "approved", "refused", "expired");
        Option<string?> grain = Arguments.Filter("--grain", "Only those of this account.", "GRAIN");
        Option<int> limit = Arguments.Limit();
        return host.Handle(
            new Command("list", "Requests that wait for an answer, and those answered within 24 hours, newest first.")
            {
                state, grain, limit,
            },
            async call =>
            {
                List<ExtensionRequest> found = [];
                ListExtensionRequestsRequest request = new()
                {
                    State = call.Get(state) is { } named
                        ? Enum.Parse<ExtensionState>(named, ignoreCase: true)
                        : ExtensionState.Unspecified,
                    Grain = call.Get(grain) ?? "",
                };
                do
                {
                    ListExtensionRequestsResponse page =
                        await call.CallAsync(call.Client.Approvals.ListExtensionRequestsAsync, request);
                    found.AddRange(page.ExtensionRequests);
                    request.PageToken = page.NextPageToken;
                }
                while (request.PageToken.Length > 0 && found.Count < call.Get(limit));

                ExtensionRequest[] shown = [.. found.Take(call.Get(limit))];
                call.Output.Write(shown, GridOf(shown));
                return ExitCodes.Ok;
            });
    }

    private static Command Request(CliHost host)
    {
        Argument<string> grain = new("grain")
        {
            Description = "Whose budget, such as useCases/trade-promo.",
            HelpName = "GRAIN",
        };
        Option<string?> amount = new("--amount") { Description = "Money to add.", HelpName = "AMOUNT" };
        Option<long?> tokens = new("--amount-tokens") { Description = "Tokens to add.", HelpName = "COUNT" };
        Option<string?> until = new("--until")
        {
            Description = "Until when. Default: the end of its period.",
            HelpName = "TIME",
        };
        Option<string?> window = Arguments.Filter(
            "--window", "Which of its windows, by period: day, month. Default: the first of the catalog.", "PERIOD");
        Option<string?> token = Arguments.Filter(
            "--session-token-file",
            "The token of the session that needs it, as run leaves it in AGENTBUDGET_SESSION_TOKEN_FILE.",
            "FILE");
        Option<string> reason = Arguments.Reason("who needs it for what");
        Command command = new(
            "request",
            "Asks finance to extend a budget. Give --amount or --amount-tokens."
            + "\n\n  agentbudget approvals request useCases/trade-promo --amount 50 --reason 'quarter end'")
        {
            grain, amount, tokens, until, window, token, reason,
        };
        return host.Handle(command, async call =>
        {
            RequestExtensionRequest request = new()
            {
                Grain = call.Get(grain),
                Window = call.Get(window) ?? "",
                Reason = call.Get(reason),
                Amount = call.Get(amount) is { } more ? Arguments.MoneyOf("--amount", more) : null,
                AmountTokens = call.Get(tokens) ?? 0,
                ExpireTime = call.Get(until) is { } end ? Arguments.TimeOf("--until", end) : null,
                SessionToken = call.Get(token) is { } file
                    ? await Arguments.TextOfAsync(file, call.Cancellation)
                    : "",
            };
            RequestExtensionResponse answer =
                await call.CallAsync(call.Client.Approvals.RequestExtensionAsync, request);
            call.Output.Write(answer.ExtensionRequest, GridOf([answer.ExtensionRequest]));
            return ExitCodes.Ok;
        });
    }

    private static Command Watch(CliHost host)
    {
        Argument<string> name = NameArgument();
        return host.Handle(
            new Command("watch", "Waits for the answer to a request. The exit code is 0 where it is approved.")
            {
                name,
            },
            async call =>
            {
                ExtensionRequest? last = null;
                await foreach (WatchExtensionRequestResponse told in call.Client.WatchExtensionRequestAsync(
                    new WatchExtensionRequestRequest { ExtensionRequest = call.Get(name) }, call.Cancellation))
                {
                    last = told.ExtensionRequest;
                }

                call.Output.Write(last!, GridOf([last!]));
                return last!.State == ExtensionState.Approved ? ExitCodes.Ok : ExitCodes.Failed;
            });
    }

    private static Command Approve(CliHost host)
    {
        Argument<string> name = NameArgument();
        Option<string?> amount = new("--amount")
        {
            Description = "Money to add instead of what is asked.",
            HelpName = "AMOUNT",
        };
        Option<long?> tokens = new("--amount-tokens")
        {
            Description = "Tokens to add instead of what is asked.",
            HelpName = "COUNT",
        };
        Option<string?> until = new("--until") { Description = "Until when instead.", HelpName = "TIME" };
        Option<string> reason = Arguments.Reason("what it is worth");
        Command command = new(
            "approve",
            "Approves a request: its budget is extended at once."
            + "\n\n  agentbudget approvals approve extension-requests/x1042 --amount 25 --reason 'half of it'")
        {
            name, amount, tokens, until, reason,
        };
        return host.Handle(command, call => DecideAsync(call, new DecideExtensionRequest
        {
            ExtensionRequest = call.Get(name),
            Decision = ExtensionState.Approved,
            Reason = call.Get(reason),
            Amount = call.Get(amount) is { } money ? Arguments.MoneyOf("--amount", money) : null,
            AmountTokens = call.Get(tokens) ?? 0,
            ExpireTime = call.Get(until) is { } end ? Arguments.TimeOf("--until", end) : null,
        }));
    }

    private static Command Refuse(CliHost host)
    {
        Argument<string> name = NameArgument();
        Option<string> reason = Arguments.Reason("what is wrong with it");
        return host.Handle(
            new Command("refuse", "Refuses a request. Whoever asked is told why.") { name, reason },
            call => DecideAsync(call, new DecideExtensionRequest
            {
                ExtensionRequest = call.Get(name),
                Decision = ExtensionState.Refused,
                Reason = call.Get(reason),
            }));
    }

    private static async Task<int> DecideAsync(CliCall call, DecideExtensionRequest request)
    {
        DecideExtensionResponse answer = await call.CallAsync(call.Client.Approvals.DecideExtensionAsync, request);
        call.Output.Write(answer, GridOf([answer.ExtensionRequest]));
        return ExitCodes.Ok;
    }

    private static Argument<string> NameArgument() => new("request")
    {
        Description = "Which, such as extension-requests/x1042.",
        HelpName = "REQUEST",
    };

    private static Grid GridOf(IEnumerable<ExtensionRequest> requests)
    {
        Grid grid = new(
            "request", "grain", new("window", IsOptional: true), new("asked", IsNumber: true), "by", "reason", "state",
            new("granted", IsNumber: true, IsOptional: true), new("answer", IsOptional: true),
            new("until", IsOptional: true))
        {
            Empty = "Nobody asks for more.",
        };
        foreach (ExtensionRequest request in requests)
        {
            grid.Add(
                request.ExtensionRequest_,
                request.Grain,
                request.Window,
                AmountOf(request.Amount, request.AmountTokens),
                request.Principal,
                request.Reason,
                Texts.Name(request.State),
                AmountOf(request.Granted, request.GrantedTokens),
                request.DecisionReason,
                Texts.Time(request.ExpireTime));
        }

        return grid;
    }

    private static GridCell AmountOf(Money? money, long tokens) =>
        money is not null ? Texts.Money(money)
        : tokens > 0 ? new GridCell($"{Texts.Number(tokens)} tokens", Csv: Texts.Number(tokens))
        : "";
}
