"""The store of jobs and runs. Each module uses those below it:

sqlite.py, dynamodb.py   the two stores: for one machine, for many machines
store.py                 RunStore: claims and leases, progress, effects, a run's end, the outbox
generations.py           which run a submission refers to, and what starts the next generation
money.py                 model calls, and the budgets that they use
transaction.py           jobs, runs and parts, read and written as rows
rows.py                  the layout of rows as items
table.py                 what a database must provide: items under keys, changed in transactions
contract.py              the values that go in and come out
"""
