using AgentBudget.Identity;
using AgentBudget.Ledger;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Api.Access;

/// <summary>
/// What a caller that speaks for part of its tenant sees of it: an agent itself, an owner its use cases, and with a
/// token that was exchanged for a user that user's sessions. Everything else is left out of what it is answered, as if
/// it were not there.
/// </summary>
internal sealed class OwnScope
{
    private readonly CredentialCaller _holder;

    private OwnScope(CredentialCaller holder) => _holder = holder;

    /// <summary>The scope of a call's caller; null for one that sees its whole tenant.</summary>
    internal static OwnScope? Of(ApiCall call) =>
        CallerScope.CallerOf(call) is CredentialCaller { IsRestricted: true } holder ? new OwnScope(holder) : null;

    /// <summary>The agent that it is, or null.</summary>
    internal string? Agent => _holder.Role == Roles.Agent ? _holder.Holder : null;

    /// <summary>The user that it speaks for alone; empty for one that speaks for itself.</summary>
    internal string User => _holder.OnBehalfOf;

    /// <summary>Names of what is its own: the agent that it is, or what its credential names.</summary>
    internal IReadOnlyList<string> Owned => Agent is { } agent ? [agent] : _holder.Credential.Grains;

    /// <summary>Whether a session with this path is its own.</summary>
    internal bool Owns(in SessionPath path) => _holder.MaySpeakFor(path);

    internal bool Owns(Spender? spender) =>
        spender is not null
        && Owns(new SessionPath(spender.Agent, spender.UseCase, spender.BusinessUnit, spender.OnBehalfOf));

    /// <summary>
    /// Whether a grain is its own: itself, what its credential names, the use cases of a business unit that it names,
    /// and parts of these, but of users only its own where it speaks for one.
    /// </summary>
    internal bool Owns(string grain, Catalog catalog)
    {
        if (Names.TryParsePart(grain, out string whole, out string infix, out string part))
        {
            bool isOthers = infix == Names.UsersInfix && User.Length > 0 && User != part;
            return !isOthers && Owns(whole, catalog);
        }

        if (grain == Agent || _holder.Credential.Grains.Contains(grain))
            return true;
        UseCase? useCase = catalog.UseCases.FirstOrDefault(candidate => Names.UseCasePrefix + candidate.Id == grain);
        return useCase is not null
            && _holder.Credential.Grains.Contains(Names.BusinessUnitPrefix + useCase.BusinessUnit);
    }

    /// <summary>
    /// The filter of a report, held to what is its own: a use case or a business unit of its own as asked for; its only
    /// grain when none was asked for; what is not there when it asked for another's.
    /// </summary>
    internal ReportFilter Narrow(ReportFilter? asked, Catalog catalog, ref FieldFaults faults)
    {
        ReportFilter filter = asked?.Clone() ?? new ReportFilter();
        if (filter.UseCase.Length == 0 && filter.BusinessUnit.Length == 0)
        {
            if (_holder.Credential.Grains.Count != 1)
            {
                faults.Add("filter.use_case", "must be one of your use cases, or business_unit one of your units");
                return filter;
            }

            if (_holder.Credential.Grains[0].StartsWith(Names.UseCasePrefix, StringComparison.Ordinal))
                filter.UseCase = _holder.Credential.Grains[0];
            else
                filter.BusinessUnit = _holder.Credential.Grains[0];
        }

        bool isOwn = filter.UseCase.Length > 0 ? Owns(filter.UseCase, catalog) : Owns(filter.BusinessUnit, catalog);
        if (!isOwn)
            filter.Session = Names.Session(long.MaxValue); // One that never is: nothing matches.
        return filter;
    }
}
