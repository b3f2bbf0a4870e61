using AgentBudget.Storage.Journal;
using AgentBudget.Storage.Snapshots;
using Case = AgentBudget.Storage.Tests.StoreConformanceTests;

namespace AgentBudget.Storage.Tests.Broken;

// Who may write, what is written, and what is answered.
internal static partial class BrokenRules
{
    private static BrokenRule[] Ownership() =>
    [
        new(
            "an acquisition answers the epoch that is current already",
            store =>
            {
                Func<string, long> acquire = store.Acquire;
                store.Acquire = tenant => store.Epochs.TryGetValue(tenant, out long epoch) ? epoch : acquire(tenant);
            },
            nameof(Case.Each_acquisition_raises_the_epoch),
            nameof(Case.Concurrent_acquisitions_get_epochs_of_their_own),
            nameof(Case.Acquired_again_the_same_owner_is_fenced_under_its_former_epoch),
            nameof(Case.An_epoch_from_before_the_store_was_opened_again_is_fenced_once_acquired_anew)),
        new(
            "the epoch of an append is not compared",
            store => store.Append = (group, completion) =>
            {
                long epoch = store.Epochs.GetValueOrDefault(group.Tenant);
                if (epoch == 0 || group.Epoch == epoch) store.Inner.BeginAppend(group, completion);
                else store.AppendAs(group, Previous(group), epoch, completion);
            },
            nameof(Case.Append_with_a_stale_epoch_is_fenced),
            nameof(Case.Append_with_an_epoch_that_was_never_given_is_fenced),
            nameof(Case.Once_acquired_nothing_of_a_former_epoch_is_written),
            nameof(Case.After_an_unknown_append_its_epoch_is_fenced_by_the_next)),
        new(
            "whoever comes first is the owner without asking",
            store =>
            {
                Action<JournalGroup, IAppendCompletion> append = store.Append;
                store.Append = (group, completion) =>
                {
                    if (!store.Epochs.ContainsKey(group.Tenant)) store.Acquire(group.Tenant);
                    append(group, completion);
                };
            },
            nameof(Case.Append_without_acquisition_is_fenced)),
        new(
            "an epoch ends by itself after some appends",
            store =>
            {
                int appends = 0;
                Action<JournalGroup, IAppendCompletion> append = store.Append;
                store.Append = (group, completion) =>
                {
                    if (++appends == 4) store.Acquire(group.Tenant);
                    append(group, completion);
                };
            },
            nameof(Case.An_epoch_stays_current_until_the_next_acquisition)),
        new(
            "acquiring one tenant fences all",
            store =>
            {
                Func<string, long> acquire = store.Acquire;
                store.Acquire = tenant =>
                {
                    foreach (string other in store.Epochs.Keys.Where(other => other != tenant)) acquire(other);
                    return acquire(tenant);
                };
            },
            nameof(Case.Acquiring_one_tenant_fences_no_other),
            nameof(Case.Tenants_are_apart)),
        new(
            "a tenant without a group is listed",
            store =>
            {
                Func<IReadOnlyList<StoredTenant>> list = store.List;
                store.List = () =>
                [
                    .. list(),
                    .. store.Epochs.Keys.Where(tenant => store.Head(tenant) == JournalHead.Empty)
                        .Select(tenant => new StoredTenant(tenant, 0, 0, long.MaxValue)),
                ];
            },
            nameof(Case.An_acquisition_alone_writes_no_group_and_lists_no_tenant),
            nameof(Case.Tenants_with_groups_are_listed_in_ordinal_order)),
        new(
            "names are told apart without case",
            store =>
            {
                var names = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
                Func<string, int> known = name => names.TryAdd(name, name) ? 0 : 1;
                Func<string, long> acquire = store.Acquire;
                store.Acquire = tenant => known(tenant) == 0 ? acquire(tenant) : acquire(names[tenant]);
            },
            nameof(Case.Names_of_tenants_are_told_apart_character_by_character)),
        new(
            "a long name is cut",
            store =>
            {
                Func<IReadOnlyList<StoredTenant>> list = store.List;
                store.List = () =>
                [
                    .. list().Select(tenant =>
                        tenant with { Name = tenant.Name[..Math.Min(tenant.Name.Length, 64)] }),
                ];
            },
            nameof(Case.A_long_name_is_kept_whole)),
    ];

    private static BrokenRule[] Appends() =>
    [
        new(
            "the previous hash of an append is not compared",
            store => store.Append = (group, completion) =>
            {
                JournalHead head = store.Head(group.Tenant);
                bool isOnlyTheHash = group.Sequence == head.Sequence + 1 && group.FirstEvent == head.LastEvent + 1
                    && group.PreviousHash != head.Hash;
                if (isOnlyTheHash) store.AppendAs(group, head, group.Epoch, completion);
                else store.Inner.BeginAppend(group, completion);
            },
            nameof(Case.Append_after_a_hash_that_is_not_the_last_is_refused),
            nameof(Case.The_first_group_follows_the_zero_hash),
            nameof(Case.Appends_behind_a_refused_one_that_they_follow_are_refused_too)),
        new(
            "the number of a group is not compared",
            store => store.Append = (group, completion) =>
            {
                JournalHead head = store.Head(group.Tenant);
                if (group.FirstEvent == head.LastEvent + 1) store.AppendAs(group, head, group.Epoch, completion);
                else store.Inner.BeginAppend(group, completion);
            },
            nameof(Case.Append_that_skips_a_group_number_is_refused)),
        new(
            "the number of an event is not compared",
            store => store.Append = (group, completion) =>
            {
                JournalHead head = store.Head(group.Tenant);
                if (group.Sequence == head.Sequence + 1) store.AppendAs(group, head, group.Epoch, completion);
                else store.Inner.BeginAppend(group, completion);
            },
            nameof(Case.Append_that_skips_an_event_number_is_refused),
            nameof(Case.The_first_event_is_number_one)),
        new(
            "an append goes to the end wherever it should go",
            store => store.Append = (group, completion) =>
                store.AppendAs(group, store.Head(group.Tenant), group.Epoch, completion),
            nameof(Case.The_same_group_is_appended_once),
            nameof(Case.Append_at_a_place_that_is_taken_is_refused),
            nameof(Case.Of_concurrent_appends_at_one_place_exactly_one_is_written)),
        new(
            "an append is acknowledged and not written",
            store => store.Append = (_, completion) => completion.AppendCompleted(AppendOutcome.Appended),
            nameof(Case.An_appended_group_is_read_as_it_was_written),
            nameof(Case.A_group_of_four_thousand_events_is_read_as_it_was_written),
            nameof(Case.Append_under_a_new_epoch_goes_on_from_the_head)),
        new(
            "after a refusal everything is refused",
            store =>
            {
                bool isRefused = false;
                Action<JournalGroup, IAppendCompletion> append = store.Append;
                store.Append = (group, completion) =>
                {
                    if (isRefused) completion.AppendCompleted(AppendOutcome.FenceLost);
                    else append(group, new Heard(completion, outcome => isRefused = outcome != AppendOutcome.Appended));
                };
            },
            nameof(Case.A_refused_append_stands_in_nobodys_way),
            nameof(Case.Of_appends_that_wait_together_each_is_decided_by_itself)),
        new(
            "zero bytes are lost",
            store => Rewrite(store, group =>
            {
                byte[] body = group.Body.ToArray();
                for (int i = body.Length - 2; i < body.Length; i++) body[i] = body[i] == 0 ? (byte)1 : body[i];
                return group with { Body = body };
            }),
            nameof(Case.Bytes_of_every_value_are_kept)),
        new(
            "a group is cut at half a megabyte",
            store => Rewrite(
                store, group => group with { Body = group.Body[..Math.Min(group.Body.Length, 512 * 1024)] }),
            nameof(Case.A_group_of_a_megabyte_is_read_as_it_was_written)),
        new(
            "a group's buffer is kept instead of its bytes",
            store =>
            {
                var kept = new Dictionary<long, JournalGroup>();
                Action<JournalGroup, IAppendCompletion> append = store.Append;
                store.Append = (group, completion) =>
                {
                    kept[group.Sequence] = group;
                    append(group, completion);
                };
                Rewrite(store, group => group with { Body = kept[group.Sequence].Body.ToArray() });
            },
            nameof(Case.The_groups_buffer_is_its_owners_again_once_it_is_answered)),
    ];

    private static BrokenRule[] Answers() =>
    [
        new(
            "two appends that wait are decided the other way round",
            store => Swap(store, isAnswerOnly: false),
            nameof(Case.Appends_of_one_tenant_are_decided_in_the_order_of_their_calls)),
        new(
            "two answers come the other way round",
            store => Swap(store, isAnswerOnly: true),
            nameof(Case.Answers_come_in_the_order_of_the_appends)),
        new(
            "an append is answered twice",
            store =>
            {
                Action<JournalGroup, IAppendCompletion> append = store.Append;
                store.Append = (group, completion) =>
                    append(group, new Heard(completion, completion.AppendCompleted));
            },
            nameof(Case.Each_append_is_answered_once)),
        new(
            "an append is answered before it is written",
            store =>
            {
                Action? late = null;
                Action<JournalGroup, IAppendCompletion> append = store.Append;
                store.Append = (group, completion) =>
                {
                    late?.Invoke();
                    late = () => append(group, new Unheard());
                    completion.AppendCompleted(AppendOutcome.Appended);
                };
            },
            nameof(Case.A_group_is_there_when_its_answer_is)),
        new(
            "appends of another tenant fence",
            store =>
            {
                string? last = null;
                Action<JournalGroup, IAppendCompletion> append = store.Append;
                store.Append = (group, completion) =>
                {
                    bool isAnother = last is not null && last != group.Tenant;
                    last = group.Tenant;
                    if (isAnother) completion.AppendCompleted(AppendOutcome.FenceLost);
                    else append(group, completion);
                };
            },
            nameof(Case.Appends_of_several_tenants_at_once_are_each_in_order)),
    ];

    private static JournalHead Previous(JournalGroup group) =>
        new(group.Sequence - 1, Epoch: 0, group.FirstEvent - 1, group.PreviousHash);

    private static void Rewrite(BrokenStore store, Func<StoredGroup, StoredGroup> rewrite)
    {
        Func<string, long, int, IReadOnlyList<StoredGroup>> read = store.Read;
        store.Read = (tenant, fromEvent, bytesMax) => [.. read(tenant, fromEvent, bytesMax).Select(rewrite)];
    }

    // Of two appends one after the other, the second is done or answered first.
    private static void Swap(BrokenStore store, bool isAnswerOnly)
    {
        Action? first = null;
        Action<JournalGroup, IAppendCompletion> append = store.Append;
        store.Append = (group, completion) =>
        {
            Action act = () => append(group, completion);
            if (isAnswerOnly)
            {
                AppendOutcome answer = default;
                append(group, new Heard(new Unheard(), outcome => answer = outcome));
                act = () => completion.AppendCompleted(answer);
            }

            if (first is null)
            {
                first = act;
                return;
            }

            act();
            first();
            first = null;
        };
    }

    /// <summary>Passes an answer on, and tells.</summary>
    private sealed class Heard(IAppendCompletion completion, Action<AppendOutcome> tell) : IAppendCompletion
    {
        public void AppendCompleted(AppendOutcome outcome)
        {
            completion.AppendCompleted(outcome);
            tell(outcome);
        }
    }

    /// <summary>Nobody listens.</summary>
    private sealed class Unheard : IAppendCompletion
    {
        public void AppendCompleted(AppendOutcome outcome)
        {
        }
    }
}
