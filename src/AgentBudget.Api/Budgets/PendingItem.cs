using AgentBudget.Grains.Abstractions;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Api.Budgets;

/// <summary>One item of a Spend stream on its way. Reused by its stream when it is answered.</summary>
internal sealed class PendingItem(SpendItems items, SpendStream stream) : PendingCommand
{
    private SpendItem? _item;
    private string _tenant = "";
    private string _currency = "";
    private bool _isAlone;

    /// <summary>Asks what the item asks; its answer goes to the stream, be it now.</summary>
    /// <param name="item">What is asked.</param>
    /// <param name="isAlone">Whether its message held it itself, and its answer has one of its own.</param>
    internal void Start(SpendItem item, bool isAlone)
    {
        _item = item;
        _isAlone = isAlone;
        try
        {
            TenantCommand command = items.Read(item, stream.Call);
            if (items.Context.TryGetCurrency(command.Tenant, out string? currency))
                Submit(command, currency);
            else
                _ = SubmitFirstAsync(command);
        }
        catch (Exception failure)
        {
            End(items.Failed(item, failure, stream.Call));
        }
    }

    protected override void Completed() => End(items.Answered(_item!, this, _tenant, _currency, stream.Call));

    private void Submit(TenantCommand command, string currency)
    {
        _tenant = command.Tenant;
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
            End(items.Failed(_item!, failure, stream.Call));
        }
    }

    private void End(SpendAnswer answer)
    {
        bool isAlone = _isAlone;
        _item = null;
        Clear();
        stream.Add(answer, isAlone, this);
    }
}
