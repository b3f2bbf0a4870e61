using AgentBudget.Ledger.Requests;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Ledger.Notifications;

/// <summary>Records what was done about notices: endpoints themselves hold secrets and are kept elsewhere.</summary>
internal static class RecordNotifications
{
    public static Answer Handle(TenantLedger ledger, RecordNotificationsCommand command)
    {
        NotificationsChanged changed = command.Changed;
        NoticeFilter filter = changed.Filter ?? new NoticeFilter();
        ContentHash content = new ContentHash(Operation.ChangeNotifications)
            .Add((long)changed.Change)
            .Add(changed.Endpoint)
            .Add((long)changed.Kind)
            .Add(changed.Target)
            .Add(changed.Disabled)
            .Add(changed.Delivery)
            .Add(changed.Reason)
            .Add(filter.Grains)
            .Add(filter.Kinds.Count);
        foreach (NoticeKind kind in filter.Kinds) content = content.Add((long)kind);
        AskedRequest asked = content.Of(Principals.OfActor(command.Actor), command.RequestId);
        if (ledger.TryAnswer(asked, out Answer again)) return again;
        LedgerEvent ledgerEvent = asked.NewEvent(command.Actor);
        ledgerEvent.NotificationsChanged = changed;
        ledger.Emit(ledgerEvent);
        return new Answer(Outcome.Done, ledgerEvent);
    }
}
