using AgentBudget.Storage.Journal;
using AgentBudget.Storage.Snapshots;
using Case = AgentBudget.Storage.Tests.StoreConformanceTests;

namespace AgentBudget.Storage.Tests.Broken;

// What is read, snapshots, and what is there after a stop, a crash and an answer that nobody heard.
internal static partial class BrokenRules
{
    private static BrokenRule[] Reads() =>
    [
        new(
            "a tenant that is not there cannot be read",
            store => store.Head = tenant => store.All(tenant) is [.., var last]
                ? new JournalHead(last.Sequence, last.Epoch, last.LastEvent, last.Hash)
                : throw new StoreException("there is no such tenant"),
            nameof(Case.An_unknown_tenant_has_an_empty_journal)),
        new(
            "tenants are listed in no order",
            store =>
            {
                Func<IReadOnlyList<StoredTenant>> list = store.List;
                store.List = () => [.. list().Reverse()];
            },
            nameof(Case.Tenants_with_groups_are_listed_in_ordinal_order)),
        new(
            "the list says one event too few",
            store =>
            {
                Func<IReadOnlyList<StoredTenant>> list = store.List;
                store.List = () => [.. list().Select(tenant => tenant with { LastEvent = tenant.LastEvent - 1 })];
            },
            nameof(Case.The_list_says_where_each_ledger_ends)),
        new(
            "reading starts at the first group that begins at the event or after it",
            store => store.Read = (tenant, fromEvent, _) =>
                [.. store.All(tenant).Where(group => group.FirstEvent >= fromEvent)],
            nameof(Case.Reading_starts_at_the_group_that_contains_the_event)),
        new(
            "reading from beyond the end gives the last group",
            store =>
            {
                Func<string, long, int, IReadOnlyList<StoredGroup>> read = store.Read;
                store.Read = (tenant, fromEvent, bytesMax) =>
                    read(tenant, fromEvent, bytesMax) is { Count: > 0 } page
                        ? page
                        : [.. store.All(tenant).TakeLast(1)];
            },
            nameof(Case.Reading_from_beyond_the_end_gives_nothing)),
        new(
            "a page is empty where the first group does not fit",
            store =>
            {
                Func<string, long, int, IReadOnlyList<StoredGroup>> read = store.Read;
                store.Read = (tenant, fromEvent, bytesMax) =>
                    [.. read(tenant, fromEvent, bytesMax).Where(group => group.Body.Length <= bytesMax)];
            },
            nameof(Case.A_page_has_at_least_one_group_and_then_what_fits)),
        new(
            "a page begins with the group before it",
            store =>
            {
                Func<string, long, int, IReadOnlyList<StoredGroup>> read = store.Read;
                store.Read = (tenant, fromEvent, bytesMax) =>
                [
                    .. store.All(tenant).Where(group => group.LastEvent == fromEvent - 1),
                    .. read(tenant, fromEvent, bytesMax),
                ];
            },
            nameof(Case.Page_after_page_gives_every_group_once)),
        new(
            "the head has the epoch of the owner",
            store =>
            {
                Func<string, JournalHead> head = store.Head;
                store.Head = tenant => head(tenant) with { Epoch = store.Epochs.GetValueOrDefault(tenant) };
            },
            nameof(Case.The_head_is_the_last_group_whoever_acquired_since)),
        new(
            "every group has the epoch of the owner",
            store => Rewrite(store, group => group with { Epoch = store.Epochs.Values.Max() }),
            nameof(Case.Each_group_has_the_epoch_that_it_was_appended_under),
            nameof(Case.A_chain_over_several_owners_verifies)),
        new(
            "the newest group is shown before it is whole",
            store =>
            {
                Func<string, long, int, IReadOnlyList<StoredGroup>> read = store.Read;
                store.Read = (tenant, fromEvent, bytesMax) =>
                {
                    IReadOnlyList<StoredGroup> page = read(tenant, fromEvent, bytesMax);
                    return
                    [
                        .. page.SkipLast(1),
                        .. page.TakeLast(1).Select(last => last with { Body = last.Body[..^1] }),
                    ];
                };
            },
            nameof(Case.Reads_beside_appends_see_whole_groups_in_order)),
        new(
            "a cancelled read goes on",
            store => store.IgnoresCancellation = true,
            nameof(Case.A_cancelled_read_is_cancelled_and_the_store_goes_on)),
        new(
            "a store with space says that it has none",
            store => store.Probe = () => false,
            nameof(Case.A_store_with_space_says_so)),
    ];

    private static BrokenRule[] Snapshots() =>
    [
        new(
            "the epoch of a snapshot is not compared",
            store =>
            {
                Func<string, long, StoredSnapshot, bool> save = store.Save;
                store.Save = (tenant, _, snapshot) =>
                    save(tenant, store.Epochs.GetValueOrDefault(tenant), snapshot);
            },
            nameof(Case.Snapshots_of_a_stale_epoch_change_nothing),
            nameof(Case.A_snapshot_of_an_epoch_that_was_never_given_is_not_saved)),
        new(
            "the epoch of a drop is not compared",
            store =>
            {
                Func<string, long, long, bool> drop = store.Drop;
                store.Drop = (tenant, _, lastEvent) => drop(tenant, store.Epochs.GetValueOrDefault(tenant), lastEvent);
            },
            nameof(Case.Snapshots_of_a_stale_epoch_change_nothing)),
        new(
            "a snapshot is saved for whoever comes",
            store =>
            {
                Func<string, long, StoredSnapshot, bool> save = store.Save;
                store.Save = (tenant, epoch, snapshot) =>
                    save(tenant, store.Epochs.ContainsKey(tenant) ? epoch : store.Acquire(tenant), snapshot);
            },
            nameof(Case.A_snapshot_without_acquisition_is_not_saved)),
        new(
            "a snapshot is cut at half a megabyte",
            store => RewriteSnapshot(
                store, found => found with { Body = found.Body[..Math.Min(found.Body.Length, 512 * 1024)] }),
            nameof(Case.A_snapshot_is_read_back_as_it_was_saved),
            nameof(Case.A_snapshot_of_several_megabytes_is_read_back_byte_by_byte)),
        new(
            "the newest snapshot is read whatever the bound",
            store =>
            {
                Func<string, long, StoredSnapshot?> read = store.Snapshot;
                store.Snapshot = (tenant, _) => read(tenant, long.MaxValue);
            },
            nameof(Case.The_newest_snapshot_within_the_bound_is_read)),
        new(
            "the snapshot that was saved last is taken for the newest",
            store =>
            {
                StoredSnapshot? last = null;
                Func<string, long, StoredSnapshot, bool> save = store.Save;
                store.Save = (tenant, epoch, snapshot) => save(tenant, epoch, last = snapshot);
                Func<IReadOnlyList<StoredTenant>> list = store.List;
                store.List = () =>
                    [.. list().Select(tenant => tenant with { NextDeadlineNanos = last!.NextDeadlineNanos })];
                store.Snapshot = (_, _) => last;
            },
            nameof(Case.An_older_snapshot_that_is_saved_later_is_not_the_newest),
            nameof(Case.The_deadline_that_is_listed_is_that_of_the_newest_snapshot)),
        new(
            "a snapshot that is there is not replaced",
            store =>
            {
                var places = new HashSet<long>();
                Func<string, long, StoredSnapshot, bool> save = store.Save;
                store.Save = (tenant, epoch, snapshot) =>
                    !places.Add(snapshot.Head.LastEvent) || save(tenant, epoch, snapshot);
            },
            nameof(Case.A_snapshot_saved_again_replaces_the_one_of_its_place)),
        new(
            "nothing is dropped",
            store => store.Drop = (_, _, _) => true,
            nameof(Case.Older_snapshots_are_dropped_and_the_journal_stays)),
        new(
            "the snapshot at the place is dropped too",
            store =>
            {
                Func<string, long, long, bool> drop = store.Drop;
                store.Drop = (tenant, epoch, lastEvent) => drop(tenant, epoch, lastEvent + 1);
            },
            nameof(Case.Dropping_before_an_event_keeps_the_snapshot_at_it)),
        new(
            "all snapshots are dropped",
            store =>
            {
                Func<string, long, long, bool> drop = store.Drop;
                store.Drop = (tenant, epoch, _) => drop(tenant, epoch, long.MaxValue);
            },
            nameof(Case.Dropping_where_nothing_is_older_drops_nothing)),
        new(
            "a snapshot's bytes are not copied",
            store =>
            {
                ReadOnlyMemory<byte> kept = default;
                Func<string, long, StoredSnapshot, bool> save = store.Save;
                store.Save = (tenant, epoch, snapshot) =>
                {
                    kept = snapshot.Body;
                    return save(tenant, epoch, snapshot);
                };
                RewriteSnapshot(store, found => found with { Body = kept });
            },
            nameof(Case.A_saved_snapshot_is_the_stores_own)),
        new(
            "snapshots of all tenants are one",
            store =>
            {
                StoredSnapshot? saved = null;
                Func<string, long, StoredSnapshot, bool> save = store.Save;
                store.Save = (tenant, epoch, snapshot) => save(tenant, epoch, saved = snapshot);
                store.Snapshot = (_, _) => saved;
            },
            nameof(Case.Snapshots_of_tenants_are_apart)),
        new(
            "a snapshot counts only at the end of the journal",
            store =>
            {
                Func<string, long, StoredSnapshot?> read = store.Snapshot;
                store.Snapshot = (tenant, lastEventMax) =>
                    read(tenant, lastEventMax) is { } found && found.Head == store.Head(tenant) ? found : null;
            },
            nameof(Case.A_snapshot_stays_while_the_journal_goes_on)),
    ];

    private static BrokenRule[] Crashes() =>
    [
        new(
            "everything is forgotten",
            store => store.Reopen = static () => new BrokenStore(),
            nameof(Case.What_was_appended_and_saved_is_there_when_opened_again),
            nameof(Case.What_was_acknowledged_is_there_after_a_crash),
            nameof(Case.A_saved_snapshot_is_there_after_a_crash),
            nameof(Case.An_epoch_from_before_a_crash_is_not_given_again)),
        new(
            "a torn group is there after the crash",
            store => store.Tear = torn => store.Inner.BeginAppend(torn, new Unheard()),
            nameof(Case.A_torn_tail_is_gone_whole_and_what_was_acknowledged_stays),
            nameof(Case.After_a_torn_tail_the_journal_goes_on_at_the_same_place)),
        new(
            "an append that was not written lands after the next acquisition",
            store =>
            {
                JournalGroup? lost = null;
                Func<string, long> acquire = store.Acquire;
                store.Lose = group => lost = group;
                store.Acquire = tenant =>
                {
                    if (lost is not null) store.Inner.BeginAppend(lost, new Unheard());
                    lost = null;
                    return acquire(tenant);
                };
            },
            nameof(Case.An_unknown_append_that_was_not_written_never_will_be_under_a_new_epoch),
            nameof(Case.Appended_again_a_group_that_was_not_written_is_there_once)),
        new(
            "an acquisition takes the last group back",
            store =>
            {
                var cut = new Dictionary<string, long>(StringComparer.Ordinal);
                Func<string, long> acquire = store.Acquire;
                Func<string, long, int, IReadOnlyList<StoredGroup>> read = store.Read;
                store.Acquire = tenant =>
                {
                    cut[tenant] = store.All(tenant).Count - 1;
                    return acquire(tenant);
                };
                store.Read = (tenant, fromEvent, bytesMax) =>
                    [.. read(tenant, fromEvent, bytesMax).Where(group => group.Sequence <= cut[tenant])];
                store.Head = tenant => read(tenant, 1, int.MaxValue).Take((int)cut[tenant]).LastOrDefault() is { } last
                    ? new JournalHead(last.Sequence, last.Epoch, last.LastEvent, last.Hash)
                    : JournalHead.Empty;
            },
            nameof(Case.An_unknown_append_that_was_written_is_the_head_under_a_new_epoch),
            nameof(Case.Appended_again_a_group_that_was_written_unheard_is_refused)),
    ];

    private static void RewriteSnapshot(BrokenStore store, Func<StoredSnapshot, StoredSnapshot> rewrite)
    {
        Func<string, long, StoredSnapshot?> read = store.Snapshot;
        store.Snapshot = (tenant, lastEventMax) =>
            read(tenant, lastEventMax) is { } found ? rewrite(found) : null;
    }
}
