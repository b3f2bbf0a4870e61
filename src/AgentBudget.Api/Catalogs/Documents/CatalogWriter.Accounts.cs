using System.Globalization;
using System.Text.Json.Nodes;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Api.Catalogs.Documents;

// Agents, and the budgets of every account.
public static partial class CatalogWriter
{
    private static JsonObject NodeOf(Agent agent)
    {
        JsonObject node = new() { ["id"] = agent.Id, ["businessUnit"] = agent.BusinessUnit };
        PutTexts(node, "useCases", agent.UseCases);
        PutTexts(node, "tools", agent.Tools);
        PutTexts(node, "models", agent.Models);
        PutBudgets(node, agent.Budget, agent.FurtherBudgets, agent.ModelBudgets, agent.UserBudgets);
        if (CeilingsOf(agent) is { Count: > 0 } ceilings || agent.Ceilings is not null)
            node["ceilings"] = CeilingsOf(agent);
        Put(node, "breakers", agent.Breakers, NodeOf);
        Put(node, "delegates", agent.Delegates, NodeOf);
        Put(node, "bounds", agent.Bounds, NodeOf);
        return node;
    }

    private static JsonObject CeilingsOf(Agent agent)
    {
        JsonObject node = [];
        if (agent.Ceilings is { } ceilings)
        {
            PutCount(node, "tokensPerRequest", ceilings.HasTokensPerRequest, ceilings.TokensPerRequest);
            Put(node, "costPerSession", ceilings.CostPerSession, AmountOf);
            PutCount(node, "tokensPerSession", ceilings.HasTokensPerSession, ceilings.TokensPerSession);
            PutCount(node, "stepsPerSession", ceilings.HasStepsPerSession, ceilings.StepsPerSession);
            PutCount(node, "toolCallsPerSession", ceilings.HasToolCallsPerSession, ceilings.ToolCallsPerSession);
            PutCount(node, "openHolds", ceilings.HasOpenHolds, ceilings.OpenHolds);
            Put(node, "run", ceilings.Run, NodeOf);
        }

        Put(node, "sessionTtl", agent.SessionTtl, ttl => JsonValue.Create(SecondsOf(ttl)));
        Put(node, "sessionLifetime", agent.SessionLifetime, life => JsonValue.Create(SecondsOf(life)));
        return node;
    }

    private static JsonObject NodeOf(RunCeilings run)
    {
        JsonObject node = [];
        Put(node, "cost", run.Cost, AmountOf);
        PutCount(node, "subagents", run.HasSubagents, run.Subagents);
        PutCount(node, "concurrentSubagents", run.HasConcurrentSubagents, run.ConcurrentSubagents);
        PutCount(node, "depth", run.HasDepth, run.Depth);
        return node;
    }

    private static JsonObject NodeOf(Breakers breakers)
    {
        JsonObject node = [];
        Put(node, "sameToolCall", breakers.SameToolCall, NodeOf);
        Put(node, "burnRate", breakers.BurnRate, NodeOf);
        Put(node, "stepsWithoutOutcome", breakers.StepsWithoutOutcome, NodeOf);
        Put(node, "refusals", breakers.Refusals, NodeOf);
        Put(node, "suspendedSessions", breakers.SuspendedSessions, NodeOf);
        Put(node, "suspendedSessionsOfUser", breakers.SuspendedSessionsOfUser, NodeOf);
        Put(node, "refusalsOfAgent", breakers.RefusalsOfAgent, NodeOf);
        Put(node, "burnRateOfAgent", breakers.BurnRateOfAgent, NodeOf);
        return node;
    }

    private static JsonObject NodeOf(BurnBreaker breaker)
    {
        JsonObject node = new() { ["costPerMinute"] = AmountOf(breaker.CostPerMinute) };
        PutReaction(node, breaker.Mode, breaker.Suspends);
        return node;
    }

    private static JsonObject NodeOf(CountBreaker breaker)
    {
        JsonObject node = new() { ["times"] = breaker.Times };
        PutReaction(node, breaker.Mode, breaker.Suspends);
        return node;
    }

    private static void PutReaction(JsonObject node, BreakerMode mode, BreakerReach suspends)
    {
        node["mode"] = mode == BreakerMode.Observe ? "observe" : "enforce";
        node["suspends"] = suspends == BreakerReach.Run ? "run" : "session";
    }

    private static JsonObject NodeOf(Delegates delegates)
    {
        JsonObject node = [];
        PutTexts(node, "agents", delegates.Agents);
        PutTexts(node, "useCases", delegates.UseCases);
        return node;
    }

    private static JsonObject NodeOf(AgentBounds bounds)
    {
        JsonObject node = [];
        PutCount(node, "openHolds", bounds.HasOpenHolds, bounds.OpenHolds);
        PutCount(node, "openSessions", bounds.HasOpenSessions, bounds.OpenSessions);
        PutCount(node, "sessionsPerMinute", bounds.HasSessionsPerMinute, bounds.SessionsPerMinute);
        return node;
    }

    private static void PutBudgets(
        JsonObject node,
        Budget? budget,
        IReadOnlyList<Budget> further,
        IReadOnlyList<ModelBudget> models,
        UserBudgets? users)
    {
        PutWindows(node, budget, further);
        PutList(node, "modelBudgets", models, model =>
        {
            JsonObject item = new() { ["models"] = model.Models };
            PutWindows(item, model.Budget, model.FurtherBudgets);
            return item;
        });
        Put(node, "userBudgets", users, NodeOf);
    }

    private static JsonObject NodeOf(UserBudgets users)
    {
        JsonObject node = [];
        PutWindows(node, users.Budget, users.FurtherBudgets);
        PutList(node, "users", users.Users, user =>
        {
            JsonObject item = new() { ["user"] = user.User };
            PutWindows(item, user.Budget, user.FurtherBudgets);
            return item;
        });
        return node;
    }

    private static void PutWindows(JsonObject node, Budget? budget, IReadOnlyList<Budget> further)
    {
        if (budget is null)
            return;
        if (further.Count == 0)
            node["budget"] = NodeOf(budget);
        else
            PutList(node, "budgets", further.Prepend(budget), NodeOf);
    }

    private static JsonObject NodeOf(Budget budget)
    {
        JsonObject node = [];
        Put(node, "limit", budget.Limit, AmountOf);
        PutCount(node, "tokens", budget.HasTokens, budget.Tokens);
        node["period"] = PeriodOf(budget);
        PutList(node, "tiers", budget.Tiers, NodeOf);
        if (budget.Rollover is { } rollover)
            node["rollover"] = NodeOf(rollover);
        if (budget.CarryOverspend)
            node["carry"] = "overspend";
        Put(node, "autoApprove", budget.AutoApprove, NodeOf);
        return node;
    }

    private static JsonObject NodeOf(AutoApproval approval)
    {
        JsonObject node = [];
        Put(node, "limit", approval.Limit, AmountOf);
        PutCount(node, "tokens", approval.HasTokens, approval.Tokens);
        return node;
    }

    private static JsonNode NodeOf(Rollover rollover)
    {
        if (rollover.Cap is null && !rollover.HasCapTokens)
            return "unused";
        JsonObject node = [];
        Put(node, "cap", rollover.Cap, AmountOf);
        PutCount(node, "capTokens", rollover.HasCapTokens, rollover.CapTokens);
        return node;
    }

    private static JsonObject NodeOf(Tier tier)
    {
        JsonObject node = new() { ["at"] = tier.AtPercent };
        PutTexts(node, "notify", tier.Notify);
        if (tier.Action != TierAction.Unspecified)
            node["action"] = tier.Action == TierAction.Refuse ? "refuse" : "downgrade";
        return node;
    }

    private static JsonNode PeriodOf(Budget budget)
    {
        string name = budget.Period == Period.Unspecified ? "none" : budget.Period.ToString().ToLowerInvariant();
        if (budget.Rolling is { } rolling)
            return new JsonObject { ["rolling"] = SecondsOf(rolling) };
        if (budget.Anchor is not { } anchor)
            return name;
        return new JsonObject
        {
            [name] = budget.Period switch
            {
                Period.Day => TimeOfDay(anchor.Minute),
                Period.Week => CatalogReader.Weekdays[anchor.Weekday - 1],
                Period.Month => anchor.Day,
                Period.Year => string.Create(CultureInfo.InvariantCulture, $"{anchor.Month:00}-{anchor.Day:00}"),
                Period.Unspecified or Period.None or Period.Hour or Period.Quarter or Period.Rolling => null,
            },
        };
    }
}
