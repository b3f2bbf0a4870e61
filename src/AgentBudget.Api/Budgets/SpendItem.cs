using AgentBudget.Grains;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Api.Budgets;

/// <summary>One item of a Spend stream on its way. Reused by its stream when it is answered.</summary>
internal sealed class SpendItem(SpendItems items, SpendStream stream) : PendingCommand
{
    private SpendRequest? _request;
    private string _currency = "";

    /// <summary>Asks what the item asks; its answer goes to the stream, be it now.</summary>
    internal void Start(SpendRequest request)
    {
        _request = request;
        try
        {
            TenantCommand command = items.Read(request, stream.Call);
            if (items.Context.TryGetCurrency(command.Tenant, out string? currency))
                Submit(command, currency);
            else
                _ = SubmitFirstAsync(command);
        }
        catch (Exception failure)
        {
            End(items.Failed(request, failure));
        }
    }

    protected override void Completed() => End(items.Answered(_request!, this, _currency));

    private void Submit(TenantCommand command, string currency)
    {
        _currency = currency;
        items.Context.Host.Submit(command.Tenant, command.Command, this);
    }

    private async Task SubmitFirstAsync(TenantCommand command)
    {
        try
        {
            Submit(command, await items.Context.CurrencyOfAsync(command.Tenant));
        }
        catch (Exception failure)
        {
            End(items.Failed(_request!, failure));
        }
    }

    private void End(SpendResponse response)
    {
        _request = null;
        Clear();
        stream.Add(response, this);
    }
}
