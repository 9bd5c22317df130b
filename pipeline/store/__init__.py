"""The store of jobs and runs. Each module uses those below it:

sqlite.py, dynamodb.py   the two stores: for one machine, for many machines
sqlite_reader.py         a SQLite store that is only read
store.py                 RunStore: claims and leases, progress, effects, a run's end, the outbox
reader.py                StoreReader: runs and what they have stored, to look at
generations.py           which run a submission refers to, and what starts the next generation
money.py                 model calls, and the budgets that they use
transaction.py           jobs, runs and parts, read and written as rows
rows.py                  the layout of rows as items
migrations.py            the schema of the SQLite file
schema.py                the names of its steps
sqlite_queries.py        reading that file
table.py                 what a database must provide: items under keys, changed in transactions
contract.py              the values that go in and come out
"""
