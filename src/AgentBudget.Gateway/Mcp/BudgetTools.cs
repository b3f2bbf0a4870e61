using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using AgentBudget.Client;
using AgentBudget.Gateway.Calls;
using AgentBudget.Gateway.Sessions;
using AgentBudget.Protocol.V1;
using Google.Protobuf;

namespace AgentBudget.Gateway.Mcp;

/// <summary>
/// What an agent may ask about its budget, each as a tool. Whatever changes something is asked with the session's own
/// token, so the session's rights decide and its agent's share is used, never the gateway's.
/// </summary>
internal sealed class BudgetTools(AgentBudgetClient client, TimeProvider time)
{
    public const string Left = "budget_left";
    public const string Request = "budget_request";
    public const string Answer = "budget_answer";

    private const int WaitSecondsMax = 25; // Clients give a tool up after 30 or 60 s.
    private const decimal MoneyMax = 1_000_000_000m;
    private const decimal NanosPerUnit = 1_000_000_000m;

    /// <summary>The tools as a list shows them.</summary>
    public static JsonArray Describe() => new(
        Tool(
            Left,
            "What is left of the budget",
            "Says what this session may still spend on every account of its path, and when each starts again.",
            isReadOnly: true,
            new JsonObject()),
        Tool(
            Request,
            "Ask for more budget",
            "Asks whoever owns the money to extend the budget of one account on this session's path, most often the "
            + $"one that a refusal names. Answers the request's name; {Answer} tells what was decided.",
            isReadOnly: false,
            new JsonObject
            {
                ["grain"] = Member("string", "The account, as a refusal or budget_left names it: useCases/promo."),
                ["amount"] = Member("number", "Money to add, in the tenant's currency. Give this or tokens."),
                ["tokens"] = Member("integer", "Tokens to add. Give this or amount."),
                ["reason"] = Member("string", "Why, for the person who decides; 1 to 256 characters."),
                ["window"] = Member("string", "Which limit, by its period: day, month. Default: the first."),
            },
            "grain", "reason"),
        Tool(
            Answer,
            "What was decided of a request for more",
            $"Says where a request of {Request} stands: pending, approved, refused or expired, with the reason.",
            isReadOnly: true,
            new JsonObject
            {
                ["request"] = Member("string", "The request's name: extension-requests/x17."),
                ["waitSeconds"] = Member(
                    "integer", $"How long to wait for a decision, 0 to {WaitSecondsMax}. Default: 0."),
            },
            "request"));

    /// <summary>Calls a tool; null where there is none of the name.</summary>
    /// <exception cref="CallRefusedException">The arguments are wrong, or the budget refuses it.</exception>
    public async Task<JsonObject?> CallAsync(SessionUse spender, McpMessage call, CancellationToken cancellation)
    {
        using JsonDocument? given = call.Arguments.IsEmpty ? null : JsonDocument.Parse(call.Arguments);
        try
        {
            IMessage? answer = call.Tool switch
            {
                Left => await LeftAsync(spender, new ToolArguments(given), cancellation),
                Request => await RequestAsync(spender, new ToolArguments(given), cancellation),
                Answer => await AnswerAsync(spender, new ToolArguments(given), cancellation),
                _ => null,
            };
            return answer is null ? null : ResultOf(answer);
        }
        catch (AgentBudgetException fault) when (McpErrors.IsForModel(Denials.Of(fault)))
        {
            CallRefusedException refusal = Denials.Of(fault);
            if (fault.FieldFaults.Count == 0) throw refusal;
            string faults = string.Join("; ", fault.FieldFaults.Select(field => $"{field.Field} {field.Description}"));
            throw new CallRefusedException(refusal.Kind, $"It was not done: {faults}.") { Reason = refusal.Reason };
        }
    }

    private async Task<IMessage> LeftAsync(
        SessionUse spender, ToolArguments given, CancellationToken cancellation)
    {
        given.CheckNames();
        return await client.GetBalanceAsync(new GetBalanceRequest { SessionToken = spender.Token }, cancellation);
    }

    private async Task<IMessage> RequestAsync(
        SessionUse spender, ToolArguments given, CancellationToken cancellation)
    {
        given.CheckNames("grain", "amount", "tokens", "reason", "window");
        RequestExtensionRequest request = new()
        {
            Grain = given.Text("grain") ?? "",
            Reason = given.Text("reason") ?? "",
            Window = given.Text("window") ?? "",
            Amount = given.Number("amount", MoneyMax) is { } amount ? MoneyOf(amount) : null,
            AmountTokens = (long)(given.Number("tokens", long.MaxValue, isWhole: true) ?? 0),
        };
        await using AgentBudgetClient own = client.For(spender.Token);
        RequestExtensionResponse asked = await own.CallAsync(
            own.Approvals.RequestExtensionAsync, request, cancellation);
        return asked.ExtensionRequest;
    }

    private async Task<IMessage> AnswerAsync(
        SessionUse spender, ToolArguments given, CancellationToken cancellation)
    {
        given.CheckNames("request", "waitSeconds");
        WatchExtensionRequestRequest request = new() { ExtensionRequest = given.Text("request") ?? "" };
        var wait = TimeSpan.FromSeconds((double)(given.Number("waitSeconds", WaitSecondsMax, isWhole: true) ?? 0));
        using CancellationTokenSource late = new(Timeout.InfiniteTimeSpan, time);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation, late.Token);
        await using AgentBudgetClient own = client.For(spender.Token);
        ExtensionRequest? last = null;
        try
        {
            await foreach (WatchExtensionRequestResponse told in own.WatchExtensionRequestAsync(request, stop.Token))
            {
                last = told.ExtensionRequest;
                if (wait == TimeSpan.Zero) break;
                late.CancelAfter(wait);
            }
        }
        catch (OperationCanceledException) when (late.IsCancellationRequested && last is not null)
        {
            // Nobody has decided yet.
        }

        return last!;
    }

    private static JsonObject ResultOf(IMessage answer)
    {
        string json = JsonFormatter.Default.Format(answer);
        return new JsonObject
        {
            ["content"] = new JsonArray(new JsonObject { ["type"] = "text", ["text"] = json }),
            ["structuredContent"] = JsonNode.Parse(json),
            ["isError"] = false,
        };
    }

    private static Money MoneyOf(decimal amount)
    {
        decimal units = decimal.Truncate(amount);
        decimal nanos = (amount - units) * NanosPerUnit;
        return nanos == decimal.Truncate(nanos)
            ? new Money { Units = (long)units, Nanos = (int)nanos }
            : throw new CallRefusedException(RefusalKind.Invalid, "amount must have at most nine decimals.");
    }

    private static JsonObject Member(string type, string description) => new()
    {
        ["type"] = type,
        ["description"] = description,
    };

    private static JsonObject Tool(
        string name, string title, string description, bool isReadOnly, JsonObject members, params string[] needed)
    {
        JsonObject schema = new()
        {
            ["type"] = "object",
            ["properties"] = members,
            ["additionalProperties"] = false,
        };
        if (needed.Length > 0) schema["required"] = new JsonArray([.. needed.Select(member => (JsonNode)member)]);
        return new JsonObject
        {
            ["name"] = name,
            ["title"] = title,
            ["description"] = description,
            ["inputSchema"] = schema,
            ["annotations"] = new JsonObject
            {
                ["readOnlyHint"] = isReadOnly,
                ["destructiveHint"] = false,
                ["openWorldHint"] = false,
            },
        };
    }

    /// <summary>The arguments of a call, read strictly: a model learns from what it is told.</summary>
    private readonly struct ToolArguments(JsonDocument? given)
    {
        /// <summary>Refuses members beyond these.</summary>
        public void CheckNames(params string[] names)
        {
            if (given is null) return;
            if (given.RootElement.ValueKind != JsonValueKind.Object)
                throw new CallRefusedException(RefusalKind.Invalid, "arguments must be an object.");
            foreach (JsonProperty member in given.RootElement.EnumerateObject())
            {
                if (names.Contains(member.Name, StringComparer.Ordinal)) continue;
                throw new CallRefusedException(RefusalKind.Invalid, names.Length == 0
                    ? $"{member.Name} is no argument: the tool takes none."
                    : $"{member.Name} is no argument; the arguments are {string.Join(", ", names)}.");
            }
        }

        public string? Text(string name) => CallBody.Find(given?.RootElement, name) switch
        {
            null => null,
            { ValueKind: JsonValueKind.String } text => text.GetString(),
            _ => throw new CallRefusedException(RefusalKind.Invalid, $"{name} must be a string."),
        };

        /// <summary>A number from 0 on; one within a string too, because models write both.</summary>
        public decimal? Number(string name, decimal most, bool isWhole = false)
        {
            if (CallBody.Find(given?.RootElement, name) is not { } value) return null;
            decimal number = -1;
            bool isNumber = value.ValueKind switch
            {
                JsonValueKind.Number => value.TryGetDecimal(out number),
                JsonValueKind.String => decimal.TryParse(
                    value.GetString(), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out number),
                _ => false,
            };
            return isNumber && number >= 0 && number <= most && (!isWhole || number == decimal.Truncate(number))
                ? number
                : throw new CallRefusedException(
                    RefusalKind.Invalid, $"{name} must be {(isWhole ? "a whole number" : "a number")} of 0 to {most}.");
        }
    }
}
