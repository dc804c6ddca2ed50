-- A journal as version 2 of the tables (version 0.1.0 of the program) kept it: see test_journal_place.py.
BEGIN TRANSACTION;
CREATE TABLE attempts (
	id INTEGER NOT NULL, 
	batch_id INTEGER NOT NULL, 
	identity TEXT NOT NULL, 
	number INTEGER NOT NULL, 
	run_id INTEGER NOT NULL, 
	row_number INTEGER NOT NULL, 
	fingerprint BLOB NOT NULL, 
	content TEXT NOT NULL, 
	amount_cents BIGINT, 
	send_link BOOLEAN NOT NULL, 
	intended_at TEXT NOT NULL, 
	settled_at TEXT, 
	outcome TEXT NOT NULL, 
	session_id TEXT NOT NULL, 
	http_status INTEGER, 
	reasons TEXT NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (batch_id, identity, number), 
	FOREIGN KEY(batch_id) REFERENCES batches (id), 
	FOREIGN KEY(run_id) REFERENCES runs (id)
);
INSERT INTO "attempts" VALUES(1,1,'ref:INV-1',1,1,2,X'0CD7329B74227D25844646C45C77A87E3E727FA5CD69F63AEA06B51E1D78B99D','{"reference_id":"INV-1","first_name":"Zoe","last_name":"Tremblay","email":"zoe@example.com","amount":"10.00","send_link":true,"direction":"DEBIT","middle_name":"","institution_code":"","transit_number":"","account_number":""}',1000,1,'2026-11-24T12:00:00.000000+00:00','2026-11-24T12:00:00.000000+00:00','created','00000000-0000-4000-8000-000100000002',201,'[]');
INSERT INTO "attempts" VALUES(2,1,'ref:INV-2',1,1,3,X'2735A60A756CA49F03C9BC7616032D4E664E81FC9B3BF355807DA5D0E7132206','{"reference_id":"INV-2","first_name":"Liam","last_name":"Tremblay","email":"liam@example.com","amount":"20.00","send_link":true,"direction":"DEBIT","middle_name":"","institution_code":"","transit_number":"","account_number":""}',2000,1,'2026-11-24T12:00:00.000000+00:00','2026-11-24T12:00:00.000000+00:00','created','00000000-0000-4000-8000-000100000003',201,'[]');
INSERT INTO "attempts" VALUES(3,1,'ref:INV-8',1,1,8,X'4C8CE7F5522806543168F5A5951E6313CA27E1D39AED13AEC5AFB24E62F46400','{"reference_id":"INV-8","first_name":"Ann","last_name":"Tremblay","email":"ann@example.com","amount":"80.00","send_link":true,"direction":"DEBIT","middle_name":"","institution_code":"","transit_number":"","account_number":""}',8000,1,'2026-11-24T12:00:00.000000+00:00','2026-11-24T12:00:00.000000+00:00','perhaps','',NULL,'[]');
INSERT INTO "attempts" VALUES(4,1,'ref:INV-3b',1,2,4,X'4C6966C32560DF4B7EE55E11746204B89C5714AE7B6974AF60A6CA5A74117EFD','{"reference_id":"INV-3b","first_name":"Mei","last_name":"Tremblay","email":"mei@example.com","amount":"30.00","send_link":true,"direction":"DEBIT","middle_name":"","institution_code":"","transit_number":"","account_number":""}',3000,1,'2026-11-24T13:00:00.000000+00:00','2026-11-24T13:00:00.000000+00:00','created','00000000-0000-4000-8000-000200000004',201,'[]');
INSERT INTO "attempts" VALUES(5,1,'ref:INV-4',1,2,5,X'BE5967A3EBF5286177B8FAF4B66C8520D4D5AD987E7B6947C69F41EDD4C9C73E','{"reference_id":"INV-4","first_name":"Lou","last_name":"Tremblay","email":"lou@example.com","amount":"40.00","send_link":true,"direction":"DEBIT","middle_name":"","institution_code":"","transit_number":"","account_number":""}',4000,1,'2026-11-24T13:00:00.000000+00:00','2026-11-24T13:00:00.000000+00:00','created','00000000-0000-4000-8000-000200000005',201,'[]');
INSERT INTO "attempts" VALUES(6,1,'ref:INV-9',1,4,4,X'B7E13B5C194481225263A290ED40AAA34D44DF75AD776490B1BA630C870BF8EB','{"reference_id":"INV-9","first_name":"Zed","last_name":"Tremblay","email":"zed@example.com","amount":"90.00","send_link":true,"direction":"DEBIT","middle_name":"","institution_code":"","transit_number":"","account_number":""}',9000,1,'2026-11-24T15:00:00.000000+00:00','2026-11-24T15:00:00.000000+00:00','created','00000000-0000-4000-8000-000400000004',201,'[]');
INSERT INTO "attempts" VALUES(7,2,'ref:D-1',1,5,2,X'70042D47E2B5E0F5CF445B33AFD1742974FD4E3225DED2FCCEF1119D40AB2717','{"reference_id":"D-1","first_name":"Kim","last_name":"Tremblay","email":"kim@example.com","amount":"5.00","send_link":true,"direction":"DEBIT","middle_name":"","institution_code":"","transit_number":"","account_number":""}',500,1,'2026-11-24T16:00:00.000000+00:00','2026-11-24T16:00:00.000000+00:00','created','00000000-0000-4000-8000-000500000002',201,'[]');
CREATE TABLE batches (
	id INTEGER NOT NULL, 
	name TEXT NOT NULL, 
	environment TEXT NOT NULL, 
	created_at TEXT NOT NULL, 
	purged_at TEXT, 
	PRIMARY KEY (id), 
	UNIQUE (name, environment)
);
INSERT INTO "batches" VALUES(1,'billing','https://api.example.com','2026-11-24T12:00:00.000000+00:00',NULL);
INSERT INTO "batches" VALUES(2,'december','https://api.example.com','2026-11-24T16:00:00.000000+00:00',NULL);
CREATE TABLE decisions (
	id INTEGER NOT NULL, 
	batch_id INTEGER NOT NULL, 
	identity TEXT NOT NULL, 
	number INTEGER NOT NULL, 
	row_number INTEGER NOT NULL, 
	outcome TEXT NOT NULL, 
	session_id TEXT NOT NULL, 
	note TEXT NOT NULL, 
	who TEXT NOT NULL, 
	decided_at TEXT NOT NULL, 
	reasons TEXT NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(batch_id) REFERENCES batches (id)
);
CREATE TABLE evidence (
	id INTEGER NOT NULL, 
	batch_id INTEGER NOT NULL, 
	identity TEXT NOT NULL, 
	number INTEGER NOT NULL, 
	proof TEXT NOT NULL, 
	payment_key TEXT NOT NULL, 
	file TEXT NOT NULL, 
	sha256 TEXT NOT NULL, 
	sheet TEXT NOT NULL, 
	line INTEGER NOT NULL, 
	reported_on TEXT NOT NULL, 
	session_id TEXT NOT NULL, 
	recorded_at TEXT NOT NULL, 
	who TEXT NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(batch_id) REFERENCES batches (id)
);
CREATE TABLE migrations (
	version INTEGER NOT NULL, 
	applied_at TEXT NOT NULL, 
	PRIMARY KEY (version)
);
INSERT INTO "migrations" VALUES(1,'2026-11-28T22:13:01.982438+00:00');
INSERT INTO "migrations" VALUES(2,'2026-11-28T22:13:02.099386+00:00');
CREATE TABLE rows (
	id INTEGER NOT NULL, 
	run_id INTEGER NOT NULL, 
	position INTEGER NOT NULL, 
	number INTEGER NOT NULL, 
	cells TEXT NOT NULL, 
	kinds TEXT NOT NULL, 
	identity TEXT NOT NULL, 
	fingerprint BLOB, 
	payment TEXT, 
	amount_cents BIGINT, 
	send_link BOOLEAN, 
	faults TEXT NOT NULL, 
	notices TEXT NOT NULL, 
	"plan" TEXT NOT NULL, 
	hold TEXT, 
	PRIMARY KEY (id), 
	UNIQUE (run_id, position), 
	FOREIGN KEY(run_id) REFERENCES runs (id)
);
INSERT INTO "rows" VALUES(1,1,0,2,'["INV-1","Zoe","Tremblay","zoe@example.com","10.00",""]','sssssn','ref:INV-1',X'0CD7329B74227D25844646C45C77A87E3E727FA5CD69F63AEA06B51E1D78B99D','{"reference_id":"INV-1","first_name":"Zoe","last_name":"Tremblay","email":"zoe@example.com","amount":"10.00","send_link":true,"direction":"DEBIT","middle_name":"","institution_code":"","transit_number":"","account_number":""}',1000,1,'[]','[]','send',NULL);
INSERT INTO "rows" VALUES(2,1,1,3,'["INV-2","Liam","Tremblay","liam@example.com","20.00",""]','sssssn','ref:INV-2',X'2735A60A756CA49F03C9BC7616032D4E664E81FC9B3BF355807DA5D0E7132206','{"reference_id":"INV-2","first_name":"Liam","last_name":"Tremblay","email":"liam@example.com","amount":"20.00","send_link":true,"direction":"DEBIT","middle_name":"","institution_code":"","transit_number":"","account_number":""}',2000,1,'[]','[]','send',NULL);
INSERT INTO "rows" VALUES(3,1,2,4,'["INV-3","Zoe","Tremblay","zoe@example.com","30.00",""]','sssssn','ref:INV-3',NULL,NULL,3000,NULL,'[{"code":"email-invalid","field":"email","value":"zoe@@example.com","details":[]}]','[]','invalid',NULL);
INSERT INTO "rows" VALUES(4,1,3,5,'["","Zoe","Tremblay","zoe@example.com","40.00",""]','sssssn','',NULL,NULL,4000,NULL,'[{"code":"email-invalid","field":"email","value":"zoe@@example.com","details":[]}]','[]','invalid',NULL);
INSERT INTO "rows" VALUES(5,1,4,6,'["INV-5","Zoe","Tremblay","zoe@example.com","50.00",""]','sssssn','ref:INV-5',NULL,NULL,5000,NULL,'[{"code":"email-invalid","field":"email","value":"zoe@@example.com","details":[]}]','[]','invalid',NULL);
INSERT INTO "rows" VALUES(6,1,5,7,'["INV-1","Zoe","Tremblay","zoe@example.com","60.00",""]','sssssn','',X'42E8B205CD107A67B717366A418E32AF4E0A4AA3AB279E938C52285A7341286B','{"reference_id":"INV-1","first_name":"Zoe","last_name":"Tremblay","email":"zoe@example.com","amount":"60.00","send_link":true,"direction":"DEBIT","middle_name":"","institution_code":"","transit_number":"","account_number":""}',6000,1,'[{"code":"duplicate-identity","field":"","value":"","details":[["row","2"],["differs","amount"]]}]','[]','invalid',NULL);
INSERT INTO "rows" VALUES(7,1,6,8,'["INV-8","Ann","Tremblay","ann@example.com","80.00",""]','sssssn','ref:INV-8',X'4C8CE7F5522806543168F5A5951E6313CA27E1D39AED13AEC5AFB24E62F46400','{"reference_id":"INV-8","first_name":"Ann","last_name":"Tremblay","email":"ann@example.com","amount":"80.00","send_link":true,"direction":"DEBIT","middle_name":"","institution_code":"","transit_number":"","account_number":""}',8000,1,'[]','[]','send',NULL);
INSERT INTO "rows" VALUES(8,2,0,4,'["INV-3b","Mei","Tremblay","mei@example.com","30.00",""]','sssssn','ref:INV-3b',X'4C6966C32560DF4B7EE55E11746204B89C5714AE7B6974AF60A6CA5A74117EFD','{"reference_id":"INV-3b","first_name":"Mei","last_name":"Tremblay","email":"mei@example.com","amount":"30.00","send_link":true,"direction":"DEBIT","middle_name":"","institution_code":"","transit_number":"","account_number":""}',3000,1,'[]','[]','send',NULL);
INSERT INTO "rows" VALUES(9,2,1,5,'["INV-4","Lou","Tremblay","lou@example.com","40.00",""]','sssssn','ref:INV-4',X'BE5967A3EBF5286177B8FAF4B66C8520D4D5AD987E7B6947C69F41EDD4C9C73E','{"reference_id":"INV-4","first_name":"Lou","last_name":"Tremblay","email":"lou@example.com","amount":"40.00","send_link":true,"direction":"DEBIT","middle_name":"","institution_code":"","transit_number":"","account_number":""}',4000,1,'[]','[]','send',NULL);
INSERT INTO "rows" VALUES(10,2,2,7,'["INV-1","Zoe","Tremblay","zoe@example.com","60.00",""]','sssssn','ref:INV-1',X'42E8B205CD107A67B717366A418E32AF4E0A4AA3AB279E938C52285A7341286B','{"reference_id":"INV-1","first_name":"Zoe","last_name":"Tremblay","email":"zoe@example.com","amount":"60.00","send_link":true,"direction":"DEBIT","middle_name":"","institution_code":"","transit_number":"","account_number":""}',6000,1,'[]','[]','hold','{"code":"held-changed","field":"","value":"","details":[["before","INV-1, Zoe Tremblay, zoe@example.com, 10.00 CAD"],["now","INV-1, Zoe Tremblay, zoe@example.com, 60.00 CAD"],["date","2026-11-24"]]}');
INSERT INTO "rows" VALUES(11,3,0,2,'["OTHER","Zoe","Tremblay","zoe@example.com","999.00",""]','sssssn','ref:OTHER',X'FA779340A399249BD6560B11DD257C5BB80D62ACD696F754E7491D3BA6C54277','{"reference_id":"OTHER","first_name":"Zoe","last_name":"Tremblay","email":"zoe@example.com","amount":"999.00","send_link":true,"direction":"DEBIT","middle_name":"","institution_code":"","transit_number":"","account_number":""}',99900,1,'[]','[]','send',NULL);
INSERT INTO "rows" VALUES(12,4,0,2,'["INV-2","Liam","Tremblay","liam@example.com","20.00",""]','sssssn','ref:INV-2',X'2735A60A756CA49F03C9BC7616032D4E664E81FC9B3BF355807DA5D0E7132206','{"reference_id":"INV-2","first_name":"Liam","last_name":"Tremblay","email":"liam@example.com","amount":"20.00","send_link":true,"direction":"DEBIT","middle_name":"","institution_code":"","transit_number":"","account_number":""}',2000,1,'[]','[]','keep',NULL);
INSERT INTO "rows" VALUES(13,4,1,3,'["INV-5","Zoe","Tremblay","zoe@example.com","50.00",""]','sssssn','ref:INV-5',NULL,NULL,5000,NULL,'[{"code":"email-invalid","field":"email","value":"zoe@@example.com","details":[]}]','[]','invalid',NULL);
INSERT INTO "rows" VALUES(14,4,2,4,'["INV-9","Zed","Tremblay","zed@example.com","90.00",""]','sssssn','ref:INV-9',X'B7E13B5C194481225263A290ED40AAA34D44DF75AD776490B1BA630C870BF8EB','{"reference_id":"INV-9","first_name":"Zed","last_name":"Tremblay","email":"zed@example.com","amount":"90.00","send_link":true,"direction":"DEBIT","middle_name":"","institution_code":"","transit_number":"","account_number":""}',9000,1,'[]','[]','send',NULL);
INSERT INTO "rows" VALUES(15,5,0,2,'["D-1","Kim","Tremblay","kim@example.com","5.00",""]','sssssn','ref:D-1',X'70042D47E2B5E0F5CF445B33AFD1742974FD4E3225DED2FCCEF1119D40AB2717','{"reference_id":"D-1","first_name":"Kim","last_name":"Tremblay","email":"kim@example.com","amount":"5.00","send_link":true,"direction":"DEBIT","middle_name":"","institution_code":"","transit_number":"","account_number":""}',500,1,'[]','[]','send',NULL);
CREATE TABLE runs (
	id INTEGER NOT NULL, 
	batch_id INTEGER NOT NULL, 
	purpose TEXT NOT NULL, 
	file TEXT NOT NULL, 
	sha256 TEXT NOT NULL, 
	sheet TEXT NOT NULL, 
	base_url TEXT NOT NULL, 
	columns TEXT NOT NULL, 
	identity TEXT NOT NULL, 
	started_at TEXT NOT NULL, 
	staged_at TEXT, 
	ended_at TEXT, 
	exit_code INTEGER, 
	stopped TEXT NOT NULL, 
	stopped_details TEXT NOT NULL, 
	approval TEXT, 
	controls TEXT NOT NULL, 
	notices TEXT NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(batch_id) REFERENCES batches (id)
);
INSERT INTO "runs" VALUES(1,1,'run','billing.csv','1111111111111111111111111111111111111111111111111111111111111111','','https://api.example.com','[{"index":0,"heading":"Invoice","field":"referenceId","why":"own","number_format":"","other_formats":[]},{"index":1,"heading":"First","field":"firstName","why":"own","number_format":"","other_formats":[]},{"index":2,"heading":"Last","field":"lastName","why":"own","number_format":"","other_formats":[]},{"index":3,"heading":"Email","field":"email","why":"own","number_format":"","other_formats":[]},{"index":4,"heading":"Amount","field":"amount","why":"own","number_format":"","other_formats":[]},{"index":5,"heading":"Contract","field":null,"why":"own","number_format":"","other_formats":[]}]','["referenceId"]','2026-11-24T12:00:00.000000+00:00','2026-11-24T12:00:00.000000+00:00','2026-11-24T12:01:00.000000+00:00',1,'','{}',NULL,'[]','[]');
INSERT INTO "runs" VALUES(2,1,'run','billing.results.xlsx','2222222222222222222222222222222222222222222222222222222222222222','Errors','https://api.example.com','[{"index":0,"heading":"Invoice","field":"referenceId","why":"own","number_format":"","other_formats":[]},{"index":1,"heading":"First","field":"firstName","why":"own","number_format":"","other_formats":[]},{"index":2,"heading":"Last","field":"lastName","why":"own","number_format":"","other_formats":[]},{"index":3,"heading":"Email","field":"email","why":"own","number_format":"","other_formats":[]},{"index":4,"heading":"Amount","field":"amount","why":"own","number_format":"","other_formats":[]},{"index":5,"heading":"Contract","field":null,"why":"own","number_format":"","other_formats":[]}]','["referenceId"]','2026-11-24T13:00:00.000000+00:00','2026-11-24T13:00:00.000000+00:00','2026-11-24T13:01:00.000000+00:00',1,'','{}',NULL,'[]','[]');
INSERT INTO "runs" VALUES(3,1,'run','wrong.csv','3333333333333333333333333333333333333333333333333333333333333333','','https://api.example.com','[{"index":0,"heading":"Invoice","field":"referenceId","why":"own","number_format":"","other_formats":[]},{"index":1,"heading":"First","field":"firstName","why":"own","number_format":"","other_formats":[]},{"index":2,"heading":"Last","field":"lastName","why":"own","number_format":"","other_formats":[]},{"index":3,"heading":"Email","field":"email","why":"own","number_format":"","other_formats":[]},{"index":4,"heading":"Amount","field":"amount","why":"own","number_format":"","other_formats":[]},{"index":5,"heading":"Contract","field":null,"why":"own","number_format":"","other_formats":[]}]','["referenceId"]','2026-11-24T14:00:00.000000+00:00','2026-11-24T14:00:00.000000+00:00','2026-11-24T14:01:00.000000+00:00',3,'','{}',NULL,'[]','[]');
INSERT INTO "runs" VALUES(4,1,'run','billing.csv','4444444444444444444444444444444444444444444444444444444444444444','','https://api.example.com','[{"index":0,"heading":"Invoice","field":"referenceId","why":"own","number_format":"","other_formats":[]},{"index":1,"heading":"First","field":"firstName","why":"own","number_format":"","other_formats":[]},{"index":2,"heading":"Last","field":"lastName","why":"own","number_format":"","other_formats":[]},{"index":3,"heading":"Email","field":"email","why":"own","number_format":"","other_formats":[]},{"index":4,"heading":"Amount","field":"amount","why":"own","number_format":"","other_formats":[]},{"index":5,"heading":"Contract","field":null,"why":"own","number_format":"","other_formats":[]}]','["referenceId"]','2026-11-24T15:00:00.000000+00:00','2026-11-24T15:00:00.000000+00:00','2026-11-24T15:01:00.000000+00:00',0,'','{}',NULL,'[]','[]');
INSERT INTO "runs" VALUES(5,2,'run','december.csv','5555555555555555555555555555555555555555555555555555555555555555','','https://api.example.com','[{"index":0,"heading":"Invoice","field":"referenceId","why":"own","number_format":"","other_formats":[]},{"index":1,"heading":"First","field":"firstName","why":"own","number_format":"","other_formats":[]},{"index":2,"heading":"Last","field":"lastName","why":"own","number_format":"","other_formats":[]},{"index":3,"heading":"Email","field":"email","why":"own","number_format":"","other_formats":[]},{"index":4,"heading":"Amount","field":"amount","why":"own","number_format":"","other_formats":[]},{"index":5,"heading":"Contract","field":null,"why":"own","number_format":"","other_formats":[]}]','["referenceId"]','2026-11-24T16:00:00.000000+00:00','2026-11-24T16:00:00.000000+00:00',NULL,NULL,'','{}',NULL,'[]','[]');
CREATE TABLE states (
	id INTEGER NOT NULL, 
	batch_id INTEGER NOT NULL, 
	session_id TEXT NOT NULL, 
	session_status TEXT NOT NULL, 
	transactions TEXT NOT NULL, 
	amount_cents BIGINT, 
	known BOOLEAN NOT NULL, 
	since TEXT NOT NULL, 
	asked_at TEXT NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(batch_id) REFERENCES batches (id)
);
CREATE INDEX ix_runs_batch_id ON runs (batch_id);
CREATE INDEX ix_evidence_batch_id ON evidence (batch_id);
CREATE INDEX ix_states_session_id ON states (session_id);
CREATE INDEX ix_states_batch_id ON states (batch_id);
CREATE INDEX ix_decisions_batch_id ON decisions (batch_id);
CREATE INDEX attempts_by_session ON attempts (session_id);
CREATE INDEX attempts_by_fingerprint ON attempts (fingerprint);
CREATE INDEX attempts_by_run ON attempts (run_id);
COMMIT;
