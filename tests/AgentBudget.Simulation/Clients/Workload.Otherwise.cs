using AgentBudget.Ledger;
using AgentBudget.Protocol.V1;
using AgentBudget.Simulation.Core;

namespace AgentBudget.Simulation.Clients;

// Used request ids with other content.
internal static partial class Workload
{
    private const string Another = "another credentials/c9";

    /// <summary>The same id and content from somebody else, which is a request of its own; null for none.</summary>
    public static Command? BySomebodyElse(Command command, SimRandom random) => command switch
    {
        ReserveCommand reserve => reserve with { Principal = AnyPrincipal(random) },
        CommitCommand commit => commit with { Principal = AnyPrincipal(random) },
        ReleaseCommand release => release with { Principal = AnyPrincipal(random) },
        AmendCommand amend => amend with { Principal = AnyPrincipal(random) },
        OpenSessionCommand open => open with { Actor = Another },
        RenewSessionCommand renew => renew with { Actor = Another },
        ExtendBudgetCommand extend => extend with { Actor = Another },
        AdjustSpendCommand adjust => adjust with { Actor = Another },
        PatchCatalogCommand patch => patch with { Actor = Another },
        _ => null,
    };

    /// <summary>The same request id with other content; null where there is no other.</summary>
    public static Command? Otherwise(Command command)
    {
        switch (command)
        {
            case ReserveCommand reserve:
                ReserveTokensRequest request = reserve.Request.Clone();
                request.Model = request.Model == Catalogs.Unit ? Catalogs.Dear : Catalogs.Unit;
                request.Estimate.InputTokens++;
                return reserve with { Request = request };
            case CommitCommand commit:
                CommitTokensRequest committed = commit.Request.Clone();
                committed.Usage.InputTokens++;
                return commit with { Request = committed };
            case ReleaseCommand release:
                ReleaseTokensRequest released = release.Request.Clone();
                released.Reason += "!";
                return release with { Request = released };
            case OpenSessionCommand open:
                OpenSessionRequest opened = open.Request.Clone();
                opened.Task += "!";
                return open with { Request = opened };
            case AuthorizeToolCommand authorize:
                AuthorizeToolRequest authorized = authorize.Request.Clone();
                authorized.Tool += "!";
                return authorize with { Request = authorized };
            case ExtendBudgetCommand extend:
                ExtendBudgetRequest extended = extend.Request.Clone();
                extended.Reason += "!";
                return extend with { Request = extended };
            case RequestExtensionCommand ask:
                RequestExtensionRequest asked = ask.Request.Clone();
                asked.Reason += "!";
                return ask with { Request = asked };
            case PatchCatalogCommand patch:
                PatchCatalogRequest patched = patch.Request.Clone();
                patched.Document += "!";
                return patch with { Request = patched };
            case AdjustSpendCommand adjust:
                AdjustSpendRequest adjusted = adjust.Request.Clone();
                adjusted.Reason += "!";
                return adjust with { Request = adjusted };
            case ResetBudgetCommand reset:
                ResetBudgetRequest anew = reset.Request.Clone();
                anew.Reason += "!";
                return reset with { Request = anew };
            case RecordCostCommand cost:
                RecordCostRequest recorded = cost.Request.Clone();
                recorded.Sku += "!";
                return cost with { Request = recorded };
            case SuspendSessionCommand suspend:
                SuspendSessionRequest suspended = suspend.Request.Clone();
                suspended.Reason += "!";
                return suspend with { Request = suspended };
            default:
                return null;
        }
    }
}
