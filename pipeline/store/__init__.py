"""The store of jobs and runs. Each module uses those below it:

sqlite.py, dynamodb.py   the two stores: one machine's, many machines'
store.py                 RunStore: claims and leases, progress, effects, a run's end, the outbox
generations.py           which run a submission means, and what starts the next generation
money.py                 calls of a model, and the budgets that they use
transaction.py           jobs, runs and parts, read and written as rows
rows.py                  how rows are laid out as items
table.py                 what a database must do: items under keys, changed in transactions
contract.py              what goes in and comes out
"""
