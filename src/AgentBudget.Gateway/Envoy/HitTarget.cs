using AgentBudget.Gateway.Calls;
using AgentBudget.Gateway.Envoy.RateLimits;
using AgentBudget.Gateway.Options;
using AgentBudget.Gateway.Sessions;

namespace AgentBudget.Gateway.Envoy;

/// <summary>
/// Where hits are counted: in which session, at which price. Descriptors of one request that say the same are one.
/// </summary>
/// <param name="SessionToken">The session's token; empty where the session is the gateway's to open.</param>
/// <param name="Agent">For whom it is opened.</param>
/// <param name="UseCase">What for.</param>
/// <param name="User">On whose behalf; empty for nobody's.</param>
/// <param name="Conversation">Within which conversation.</param>
/// <param name="Tags">As <c>NAME=VALUE</c>, in order, with commas between.</param>
/// <param name="Model">The model that prices tokens; empty for a SKU.</param>
/// <param name="Unit">What is counted.</param>
/// <param name="Sku">The SKU; empty for tokens.</param>
internal sealed record HitTarget(
    string SessionToken,
    string Agent,
    string UseCase,
    string User,
    string Conversation,
    string Tags,
    string Model,
    HitUnit Unit,
    string Sku)
{
    private const string AgentPrefix = "agents/";
    private const string Bearer = "Bearer ";

    /// <summary>What a descriptor means by a rule; null where it does not fit.</summary>
    public static HitTarget? Of(EnvoyRuleModel rule, string domain, RateLimitDescriptor descriptor)
    {
        if (rule.Domain.Length > 0 && rule.Domain != domain) return null;
        if (!rule.When.All(needed => ValueOf(descriptor, needed.Key) == needed.Value)) return null;
        SortedDictionary<string, string> said = new(StringComparer.Ordinal);
        foreach ((string name, string value) in rule.Values) said[name] = value;
        foreach ((string name, string key) in rule.Keys)
        {
            if (ValueOf(descriptor, key) is not { } value) return null;
            said[name] = value;
        }

        string agent = Said(EnvoyRuleModel.Agent), useCase = Said(EnvoyRuleModel.UseCase);
        string token = Said(EnvoyRuleModel.Session);
        return new HitTarget(
            token.StartsWith(Bearer, StringComparison.OrdinalIgnoreCase) ? token[Bearer.Length..].Trim() : token,
            agent.Length == 0 || agent.StartsWith(AgentPrefix, StringComparison.Ordinal) ? agent : AgentPrefix + agent,
            useCase.Length == 0 ? "" : CallerContext.Full(useCase),
            Said(EnvoyRuleModel.User),
            Said(EnvoyRuleModel.Conversation),
            string.Join(',', said.Where(IsTag).Select(tag => $"{TagOf(tag.Key)}={tag.Value}")),
            rule.Unit == HitUnit.Sku ? "" : Said(EnvoyRuleModel.Model),
            rule.Unit,
            rule.Sku);

        string Said(string name) => said.GetValueOrDefault(name, "");
    }

    /// <summary>What a session is opened by.</summary>
    /// <exception cref="CallRefusedException">The tags cannot be read.</exception>
    public CallerContext ToContext() => new()
    {
        Agent = Agent,
        UseCase = UseCase,
        User = User,
        Conversation = Conversation,
        Tags = CallerContext.TagsOf(Tags),
        Session = "",
    };

    /// <inheritdoc/>
    public override string ToString() => $"{Unit} of {Model}{Sku}"; // No token and no user.

    private static bool IsTag(KeyValuePair<string, string> said) =>
        said.Key.StartsWith(EnvoyRuleModel.TagPrefix, StringComparison.Ordinal);

    private static string TagOf(string name) => name[EnvoyRuleModel.TagPrefix.Length..];

    private static string? ValueOf(RateLimitDescriptor descriptor, string key) =>
        descriptor.Entries.FirstOrDefault(entry => entry.Key == key)?.Value;
}
