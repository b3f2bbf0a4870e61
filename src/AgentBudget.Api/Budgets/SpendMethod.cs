using AgentBudget.Ledger;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Api.Budgets;

/// <summary>What is asked, and of whom.</summary>
internal readonly record struct TenantCommand(string Tenant, Command Command);

/// <summary>
/// A method that spends: reads its request into a command, and the event that came of it into its response. Neither
/// waits; a call and an item of a stream each wait in their own way.
/// </summary>
internal abstract class SpendMethod<TRequest, TResponse>(ApiContext context)
{
    protected ApiContext Context => context;

    /// <summary>Checks a request and says what it asks. Throws what its caller is to see instead.</summary>
    /// <param name="request">Its messages are the ledger's from here on.</param>
    /// <param name="call">The call that it came with.</param>
    internal abstract TenantCommand Read(TRequest request, ApiCall call);

    /// <summary>What a caller is told about the event.</summary>
    internal abstract TResponse View(LedgerEvent ledgerEvent, string tenant, string currency);

    /// <summary>
    /// What a caller knows a reservation of an event's session by; empty for none, as where a dry run recorded nothing.
    /// </summary>
    protected string IdOf(LedgerEvent ledgerEvent, long reservation, string tenant) =>
        reservation > 0 && Names.TryParseSession(ledgerEvent.Spender.Session, out long session)
            ? context.Reservations.Of(tenant, session, reservation)
            : "";

    /// <summary>Answers a call.</summary>
    internal ValueTask<TResponse> HandleAsync(TRequest request, ApiCall call)
    {
        TenantCommand command = Read(request, call);
        return context.TryGetCurrency(command.Tenant, out string? currency)
            ? PendingResponse<TRequest, TResponse>.SubmitAsync(context.Host, command, this, currency)
            : HandleFirstAsync(command);
    }

    private async ValueTask<TResponse> HandleFirstAsync(TenantCommand command)
    {
        string currency = await context.CurrencyOfAsync(command.Tenant);
        return await PendingResponse<TRequest, TResponse>.SubmitAsync(context.Host, command, this, currency);
    }
}
