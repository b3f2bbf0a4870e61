using System.Collections.Concurrent;
using System.Security.Cryptography;
using AgentBudget.Client;
using AgentBudget.Gateway.Calls;
using AgentBudget.Gateway.Sessions;
using AgentBudget.Protocol.V1;
using Google.Protobuf.WellKnownTypes;

namespace AgentBudget.Gateway.Mcp;

/// <summary>
/// Asks before a tool is called: for one that has a price its cost is held, for another whether the session may call
/// it. A tool is named below its server: crm.read.
/// </summary>
internal sealed class ToolMeter(AgentBudgetClient client, TimeProvider time)
{
    private const int ToolsMax = 10_000;
    private static readonly TimeSpan PriceKnown = TimeSpan.FromMinutes(1);

    // Tools without a price, and since when that is known.
    private readonly ConcurrentDictionary<string, long> _free = new(StringComparer.Ordinal);

    /// <summary>Takes the hold of a call; null for one that costs nothing.</summary>
    /// <exception cref="CallRefusedException">It may not be made.</exception>
    public async Task<BudgetScope?> TakeAsync(
        SessionUse spender, string tool, ReadOnlyMemory<byte> arguments, CancellationToken cancellation)
    {
        string digest = Convert.ToHexStringLower(SHA256.HashData(arguments.Span));
        if (!await IsFreeAsync(spender, tool, cancellation))
        {
            BudgetScope scope = await client.BeginScopeAsync(Request(spender, tool, digest), cancellation);
            return scope.IsAllowed ? scope : throw Denials.Of(scope.Denial ?? new Denial());
        }

        AuthorizeToolResponse answer = await client.AuthorizeToolAsync(
            new AuthorizeToolRequest
            {
                SessionToken = spender.Token,
                Tool = tool,
                ToolArgumentsDigest = digest,
            },
            cancellation);
        return answer.Decision == Decision.Allow ? null : throw Denials.Of(answer.Denial ?? new Denial());
    }

    /// <summary>What a call of a tool settles.</summary>
    public static CommitTokensRequest Use(string tool, bool isSure)
    {
        CommitTokensRequest used = new() { Usage = new TokenUsage() };
        used.Usage.Items.Add(new CountedItem { Sku = tool, Count = 1 });
        if (!isSure) used.UsageSource = UsageSource.Estimated;
        return used;
    }

    private async Task<bool> IsFreeAsync(SessionUse spender, string tool, CancellationToken cancellation)
    {
        if (_free.TryGetValue(tool, out long since) && time.GetElapsedTime(since) < PriceKnown) return true;
        ReserveTokensRequest question = Request(spender, tool, digest: "");
        question.DryRun = true;
        ReserveTokensResponse answer = await client.ReserveAsync(question, cancellation);
        if (answer.Denial?.Reason != Reason.UnknownPrice)
        {
            _free.TryRemove(tool, out _);
            return false;
        }

        if (_free.Count >= ToolsMax) _free.Clear(); // Names that somebody made up; the others are asked for anew.
        _free[tool] = time.GetTimestamp();
        return true;
    }

    private static ReserveTokensRequest Request(SessionUse spender, string tool, string digest)
    {
        ReserveTokensRequest request = new()
        {
            SessionToken = spender.Token,
            Tool = tool,
            Estimate = new TokenEstimate { MaxOutputTokens = 0 },
            OnExpiry = OnExpiry.Charge,
            Ttl = Duration.FromTimeSpan(Holds.Ttl),
            ToolArgumentsDigest = digest,
        };
        request.Estimate.Items.Add(new CountedItem { Sku = tool, Count = 1 });
        return request;
    }
}
