using AgentBudget.Protocol.V1;
using Google.Protobuf.Collections;

namespace AgentBudget.Audit;

/// <summary>Business tags.</summary>
internal static class TagAudit
{
    public static void CheckDeclared(AuditState state, MapField<string, string> tags)
    {
        foreach ((string name, string value) in tags)
        {
            if (!state.Catalog.Tags.TryGetValue(name, out TagRule? rule))
                state.Find(AuditRule.Tags, $"tag '{name}' is not declared");
            else if (rule.Values.Count > 0 && !rule.Values.Contains(value))
                state.Find(AuditRule.Tags, $"tag '{name}' has the value '{value}', which is not declared");
        }
    }

    public static void CheckRequired(AuditState state, AuditSession session, MapField<string, string>? tags)
    {
        foreach (string name in state.RequiredTags)
        {
            if (!session.Opened.Tags.ContainsKey(name) && tags?.ContainsKey(name) != true)
                state.Find(AuditRule.Tags, $"the required tag '{name}' is missing");
        }
    }
}
